import { ManifestsError } from "../manifests/revision.ts";
import { coloursFor, describeProblems, printable, wrap } from "./problems.ts";
import {
  describeSession,
  type HoldOptions,
  openSession,
  type Session,
  type SessionOptions,
} from "./session.ts";
import { tell } from "./streams.ts";

export interface BeginOptions extends HoldOptions {
  /** Says nothing of what it works on: for what people ask often. */
  readonly quiet?: boolean;
}

/** Opens a session, and says on standard error what it works on and all that is wrong with the manifests. */
export async function begin(
  directory: string,
  options: SessionOptions,
  { quiet = false, ...holding }: BeginOptions,
): Promise<Session> {
  const colours = coloursFor(process.stderr);
  try {
    const session = await openSession(directory, options, holding);
    if (!quiet) tell(`${wrap(printable(describeSession(session)))}\n`);
    tell(describeProblems(session.revision.problems, directory, colours));
    return session;
  } catch (error) {
    if (error instanceof ManifestsError) tell(describeProblems(error.problems, directory, colours));
    throw error;
  }
}

import { join } from "node:path";
import type { Edited } from "../manifests/edit-file.ts";
import { coloursFor, describeProblems, wrap } from "./problems.ts";
import { answer, sameDirectory, tell } from "./streams.ts";

/** As a shell takes it as one word, whatever is in it. */
export const quoted = (text: string): string =>
  /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** What an edit is called. */
export interface Told {
  /** What holds now: `t2/web is paused`. */
  readonly done: string;
  /** The commit's subject. */
  readonly subject: string;
  /** Lines that say more of what was changed. */
  readonly details?: readonly string[];
  /** Commands that may be next, before those of git. */
  readonly next?: readonly string[];
  /** Of the commit that holds it already. */
  readonly commit?: string | undefined;
}

/** Says what an edit came to, what may be next, and how to commit it. */
export function tellEdit(
  directory: string,
  { file, changed, revision }: Edited,
  { done, subject, details = [], next = [], commit }: Told,
): void {
  tell(describeProblems(revision.problems, directory, coloursFor(process.stderr)));
  const more = details.map((line) => `${line}\n`).join("");
  if (!changed) {
    answer(`${done} already.\n${more}`);
    return;
  }
  answer(`${done}: changed ${join(directory, file)}\n${more}`);
  if (commit !== undefined) answer(`${wrap(`Committed ${commit}: ${subject}`)}\n`);
  const git = `git -C ${quoted(directory)}`;
  const toCommit = [`${git} add ${quoted(file)}`, `${git} commit -m ${quoted(subject)} -- ${quoted(file)}`];
  const isOpen = commit === undefined && revision.commit !== undefined;
  const commands = [...next, ...(isOpen ? toCommit : [])];
  if (commands.length === 0) commands.push(`reconcile --once${sameDirectory(directory)}`);
  const [only, ...others] = commands;
  answer(others.length === 0 ? `Next: ${only}\n` : `Next:\n${commands.map((one) => `  ${one}\n`).join("")}`);
}

import { ManifestsError } from "../manifests/revision.ts";
import { coloursFor, describeProblems } from "./problems.ts";
import { tell } from "./streams.ts";

/** Does something with manifests; where they are refused, says first all that is wrong with them. */
export async function explained<Result>(directory: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ManifestsError)
      tell(describeProblems(error.problems, directory, coloursFor(process.stderr)));
    throw error;
  }
}

import { join } from "node:path";
import type { Edited } from "../manifests/edit-file.ts";
import { coloursFor, describeProblems } from "./problems.ts";
import { answer, sameDirectory, tell } from "./streams.ts";

/** As a shell takes it as one word, whatever is in it. */
export const quoted = (text: string): string =>
  /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Says what an edit came to, and how to commit it.
 * @param done what holds now: `t2/web is paused`
 * @param subject the commit's subject
 */
export function tellEdit(
  directory: string,
  { file, changed, revision }: Edited,
  { done, subject }: { readonly done: string; readonly subject: string },
): void {
  tell(describeProblems(revision.problems, directory, coloursFor(process.stderr)));
  if (!changed) {
    answer(`${done} already.\n`);
    return;
  }
  const git = `git -C ${quoted(directory)}`;
  const next =
    revision.commit === undefined
      ? `Next: reconcile --once${sameDirectory(directory)}\n`
      : `Next:\n  ${git} add ${quoted(file)}\n  ${git} commit -m ${quoted(subject)} -- ${quoted(file)}\n`;
  answer(`${done}: changed ${join(directory, file)}\n${next}`);
}

import { basename, dirname } from "node:path";
import { EvenkeelError } from "../api/errors.ts";
import { git, gitDirectoryOf, lockIn, printable, unfinishedIn } from "./git.ts";

/** What a commit says: its first line, and what follows it. */
export interface Message {
  readonly subject: string;
  readonly body?: string;
}

/** The checkout's own programs are not for evenkeel to start: neither its hooks, nor what signs, nor upkeep. */
const QUIETLY = ["core.hooksPath=/dev/null", "commit.gpgSign=false", "maintenance.auto=false"];

/**
 * Sees to it that a file can be committed alone, and that the commit would hold nothing but what is done to it from now
 * on.
 * @param path real path
 * @throws EvenkeelError EK-COMMIT
 */
export async function mustBeCommittable(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const refuse = (why: string, fix: string): EvenkeelError =>
    new EvenkeelError("EK-COMMIT", `${path} ${why}; nothing was written`, { fix });
  const ask = async (...words: readonly string[]): Promise<string> =>
    git(folder, ...words).catch((error: unknown) => {
      throw refuse(`cannot be committed: ${complaint(error)}`, "edit it without --commit");
    });

  const directory = await gitDirectoryOf(folder);
  const work =
    directory === undefined ? undefined : ((await lockIn(directory)) ?? (await unfinishedIn(directory)));
  if (work !== undefined)
    throw refuse(
      `cannot be committed: git has not finished ${work.what}`,
      "git status says how to go on with it or give it up",
    );
  // H: in the index, and looked at. Anything else is either not there or hidden from what is asked next.
  if (!(await ask("ls-files", "-v", "--", name)).startsWith("H "))
    throw refuse("is not kept in git", "add and commit it first");
  const [, , filter = ""] = (await ask("check-attr", "-z", "filter", "--", name)).split("\0");
  if (!["unspecified", "unset"].includes(filter))
    throw refuse(
      `goes through a program of git's configuration, ${printable(filter)}`,
      "edit it without --commit",
    );
  if ((await ask("status", "--porcelain", "--", name)).trim() !== "")
    throw refuse(
      "has other changes that are not committed",
      "commit them first, or edit it without --commit",
    );
  // Git refuses these two without a name and an address.
  await ask("var", "GIT_AUTHOR_IDENT");
  await ask("var", "GIT_COMMITTER_IDENT");
}

/**
 * Commits a file as it is, and nothing else, whatever else is staged. Resolves to the commit's short hash.
 * @param path real path
 * @throws EvenkeelError EK-COMMIT
 */
export async function commitFile(path: string, { subject, body }: Message): Promise<string> {
  const [folder, name] = [dirname(path), basename(path)];
  const quietly = QUIETLY.flatMap((setting) => ["-c", setting]);
  const message = [subject, body ?? []].flat().flatMap((text) => ["-m", text]);
  try {
    const words = ["commit", "--quiet", ...message, "--", name];
    await git(folder, ...quietly, ...words);
    return (await git(folder, "rev-parse", "--short", "HEAD")).trim();
  } catch (error) {
    throw new EvenkeelError("EK-COMMIT", `${path} is changed, but not committed: ${complaint(error)}`, {
      cause: error,
      fix: "git status, then commit it by hand",
    });
  }
}

/** The first thing that git had to say, on one line. */
function complaint(error: unknown): string {
  const said = typeof error === "object" && error !== null && "stderr" in error ? String(error.stderr) : "";
  const lines = said.split("\n").map((line) => printable(line.replace(/^(fatal|error): /, "")));
  return lines.find((line) => line !== "") ?? "git cannot be run, or has not ended in time";
}

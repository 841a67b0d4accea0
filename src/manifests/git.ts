import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Commit } from "./revision.ts";

const run = promisify(execFile);

/** Git may be slow on a large checkout, but a revision does not wait for it for ever. */
const DEADLINE_MILLISECONDS = 10_000;

/** Asks git without letting the checkout's own configuration start programs, and without taking its locks. */
async function git(directory: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await run("git", ["-c", "core.fsmonitor=false", "-C", directory, ...words], {
    env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
    timeout: DEADLINE_MILLISECONDS,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}

/** Authors and subjects are other people's text, and are shown on terminals. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, " ").trim();

/**
 * The commit that a directory is checked out at, and whether anything in the directory differs from it. Undefined where
 * there is no git, no checkout or no commit yet.
 */
export async function commitOf(directory: string): Promise<Commit | undefined> {
  try {
    const [log, status] = await Promise.all([
      git(directory, "log", "-1", "--format=%H%x00%an%x00%s"),
      git(directory, "status", "--porcelain", "--", "."),
    ]);
    const [hash = "", author = "", subject = ""] = log.trim().split("\0");
    return { hash, author: printable(author), subject: printable(subject), dirty: status.trim() !== "" };
  } catch {
    return undefined;
  }
}

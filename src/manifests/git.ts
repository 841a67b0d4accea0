import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { codeOf } from "../api/errors.ts";
import type { Commit } from "./revision.ts";

const run = promisify(execFile);

/** Git may be slow on a large checkout, but a revision does not wait for it for ever. */
const DEADLINE_MILLISECONDS = 10_000;

/** What would start programs of the checkout's choice: for a look at its files, and for commits that are signed. */
const SETTINGS = ["core.fsmonitor=false", "log.showSignature=false"].flatMap((setting) => ["-c", setting]);

/**
 * Runs git in a directory, without a shell, without letting the checkout's own configuration start programs, and without
 * taking locks that it can do without. Names of files are names, not patterns.
 */
export async function git(directory: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await run("git", [...SETTINGS, "-C", directory, ...words], {
    env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", GIT_LITERAL_PATHSPECS: "1", LC_ALL: "C" },
    timeout: DEADLINE_MILLISECONDS,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}

/** Authors and subjects are other people's text, and are shown on terminals. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, " ").trim();

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

/**
 * Git's own directory for the work tree that a directory lies in: `.git`, or what the file of that name points to. Read
 * from the file system, so that it is known also where git refuses to work. Undefined where there is none.
 */
export async function gitDirectoryOf(directory: string): Promise<string | undefined> {
  for (let here = resolve(directory); ; here = dirname(here)) {
    const path = join(here, ".git");
    // From the inside out: the innermost counts.
    // oxlint-disable-next-line no-await-in-loop
    const text = await readFile(path, "utf8").catch((error: unknown) => codeOf(error));
    if (text === "EISDIR") return path;
    const target = /^gitdir: (.+)$/m.exec(text)?.[1];
    if (target !== undefined) return resolve(here, target);
    if (here === dirname(here)) return undefined;
  }
}

/** What git has begun in a work tree and not finished. */
export interface Unfinished {
  /** `a rebase`. */
  readonly what: string;
  /** The file or directory that says so; it goes when the work is finished. */
  readonly path: string;
  /** When it was made, milliseconds since the epoch. */
  readonly since: number;
}

/** What lies in git's directory while something is under way, and what that is. */
const TRACES: Readonly<Record<string, string>> = {
  "rebase-merge": "a rebase",
  "rebase-apply": "a rebase or am",
  MERGE_HEAD: "a merge",
  CHERRY_PICK_HEAD: "a cherry-pick",
  REVERT_HEAD: "a revert",
  BISECT_LOG: "a bisection",
};

/** The lock that git holds while it writes a work tree. */
const LOCK = "index.lock";

const find = async (directory: string, name: string, what: string): Promise<readonly Unfinished[]> => {
  const path = join(directory, name);
  return stat(path).then(
    ({ mtimeMs }) => [{ what, path, since: mtimeMs }],
    () => [],
  );
};

/** Whether git works in a work tree right now: it holds the lock, or died with it. */
export const lockIn = async (gitDirectory: string): Promise<Unfinished | undefined> =>
  (await find(gitDirectory, LOCK, "an operation"))[0];

/** What somebody has begun and has yet to continue or abort. */
export async function unfinishedIn(gitDirectory: string): Promise<Unfinished | undefined> {
  const found = Object.entries(TRACES).map(([name, what]) => find(gitDirectory, name, what));
  return (await Promise.all(found)).flat()[0];
}

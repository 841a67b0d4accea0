import { createHash } from "node:crypto";
import { relative } from "node:path";
import { fileProblem } from "./fault.ts";
import { commitOf, gitDirectoryOf, lockIn, unfinishedIn } from "./git.ts";
import type { Commit, Problem } from "./revision.ts";
import { readTree, type Tree } from "./tree.ts";

/** A tree that changes each time it is read is taken as it was read last. */
const MOST_READINGS = 5;
/** No git works longer than this on a tree of manifests: one whose lock is older has died. */
const LOCK_LIVES_MILLISECONDS = 600_000;

/** A tree as it was read, and what it was read at. */
export interface Reading {
  readonly tree: Tree;
  /** SHA-256 of its content, hexadecimal. */
  readonly digest: string;
  /** The commit that this content belongs to. */
  readonly commit: Commit | undefined;
  /** Why something may be missing in it that is not meant to be gone; a warning each. */
  readonly unsettled: readonly Problem[];
  /** What else should be known about how it was read; warnings. */
  readonly remarks: readonly Problem[];
}

/**
 * Reads a tree until two readings agree, and finds out in between what git is at: so the commit is the one that the
 * content belongs to, and a tree that is being written is known as such. Throws EK-MANIFESTS when it cannot be read.
 * @param now milliseconds since the epoch
 */
export async function readAtRest(directory: string, now: number): Promise<Reading> {
  let tree = await readTree(directory);
  for (let readings = 1; ; readings += 1) {
    // Each reading is compared with the one before.
    // oxlint-disable-next-line no-await-in-loop
    const [commit, git] = await Promise.all([commitOf(tree.directory), gitDirectoryOf(tree.directory)]);
    // oxlint-disable-next-line no-await-in-loop
    const work = git === undefined ? undefined : await workIn(git, tree.directory, commit, now);
    // oxlint-disable-next-line no-await-in-loop
    const again = await readTree(directory);
    const digest = digestOf(again);
    const agrees = digest === digestOf(tree) && again.directory === tree.directory;
    tree = again;
    if (!agrees && readings < MOST_READINGS) continue;
    const restless = agrees ? [] : [warning(".", `changes each time it is read${SO}`)];
    return {
      tree,
      digest,
      commit,
      unsettled: [...restless, ...(work?.isWhole === false ? [work.problem] : [])],
      remarks: work?.isWhole ? [work.problem] : [],
    };
  }
}

/** What git is at, and whether the tree is whole all the same. */
async function workIn(
  git: string,
  root: string,
  commit: Commit | undefined,
  now: number,
): Promise<{ readonly problem: Problem; readonly isWhole: boolean } | undefined> {
  const [lock, begun] = await Promise.all([lockIn(git), unfinishedIn(git)]);
  const file = (path: string): string => relative(root, path);
  if (lock !== undefined && now - lock.since > LOCK_LIVES_MILLISECONDS) {
    const message = "is the lock of a git that has died or hangs";
    const suggestion = "when no git is running there, remove the file and see git status";
    // A checkout that is as its commit says lacks nothing, whatever the holder of the lock was about to do.
    const isWhole = begun === undefined && commit?.dirty === false;
    return { problem: warning(file(lock.path), isWhole ? message : message + SO, suggestion), isWhole };
  }
  const work = lock ?? begun;
  if (work === undefined) return undefined;
  const suggestion = lock === undefined ? "git status says how to go on with it or give it up" : undefined;
  const message = `shows that git has not finished ${work.what}${SO}`;
  return { problem: warning(file(work.path), message, suggestion), isWhole: false };
}

/** What follows. */
const SO = ", so nothing is taken to be gone";

const warning = (file: string, message: string, suggestion?: string): Problem => ({
  ...fileProblem(file, "EK-UNSETTLED", message, suggestion === undefined ? {} : { suggestion }),
  severity: "warning",
});

function digestOf({ manifests, unreadable }: Tree): string {
  const sum = createHash("sha256");
  for (const { path, content } of manifests) {
    sum.update(JSON.stringify([path, createHash("sha256").update(content).digest("hex")]));
  }
  for (const { file, message } of unreadable) sum.update(JSON.stringify([file, message]));
  return sum.digest("hex");
}

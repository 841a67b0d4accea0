import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { codeOf, EvenkeelError } from "../api/errors.ts";
import { byText } from "./compare.ts";
import { readTree } from "./tree.ts";

/**
 * Copies a tree of manifests to where there is none, and creates the directory. Nothing is overwritten, and nothing is
 * written where a manifest or any of the files is there already.
 * @returns what was written, relative to the directory
 * @throws EvenkeelError EK-USAGE when something is there, EK-EDIT when it cannot be written
 */
export async function writeFirstTree(template: string, directory: string): Promise<readonly string[]> {
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(template, join(entry.parentPath, entry.name)))
    .toSorted(byText);
  const obstacle = (await manifestIn(directory)) ?? (await firstThere(directory, files));
  if (obstacle !== undefined)
    throw new EvenkeelError(
      "EK-USAGE",
      `${join(directory, obstacle)} is there already; nothing was written`,
      {
        fix: "give a directory that holds no manifests yet",
      },
    );
  for (const file of files) {
    // In order, so that what is there after a failure can be told.
    // oxlint-disable-next-line no-await-in-loop
    await writing(directory, file, async (path) => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await readFile(join(template, file)), { flag: "wx" });
    });
  }
  return files;
}

/** A manifest that is in the directory, or what there cannot be read. */
async function manifestIn(directory: string): Promise<string | undefined> {
  if (!(await isThere(directory, "."))) return undefined;
  const { manifests, unreadable } = await readTree(directory);
  return manifests[0]?.path ?? unreadable[0]?.file;
}

async function firstThere(directory: string, files: readonly string[]): Promise<string | undefined> {
  const there = await Promise.all(files.map((file) => isThere(directory, file)));
  return files.find((_, index) => there[index]);
}

const isThere = (directory: string, file: string): Promise<boolean> =>
  writing(directory, file, (path) =>
    lstat(path).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === "ENOENT") return false;
        throw error;
      },
    ),
  );

/** Says where a file system refused. */
async function writing<Result>(
  directory: string,
  file: string,
  work: (path: string) => Promise<Result>,
): Promise<Result> {
  const path = join(directory, file);
  try {
    return await work(path);
  } catch (error) {
    throw new EvenkeelError("EK-EDIT", `${path} cannot be written: ${codeOf(error)}`, { cause: error });
  }
}

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { EvenkeelError } from "../api/errors.ts";
import { byText } from "./compare.ts";
import { firstThere, isThere, type NewFiles, writeNewFiles } from "./new-files.ts";
import { readTree } from "./tree.ts";

/**
 * Copies a tree of manifests to where there is none, and creates the directory. Nothing is overwritten, and nothing is
 * written where a manifest or any of the files is there already.
 * @returns what was written, relative to the directory
 * @throws EvenkeelError EK-USAGE when something is there, EK-EDIT when it cannot be written
 */
export async function writeFirstTree(template: string, directory: string): Promise<readonly string[]> {
  const files = await filesOf(template);
  const names = [...files.keys()];
  const obstacle = (await manifestIn(directory)) ?? (await firstThere(directory, names));
  if (obstacle !== undefined)
    throw new EvenkeelError(
      "EK-USAGE",
      `${join(directory, obstacle)} is there already; nothing was written`,
      {
        fix: "give a directory that holds no manifests yet",
      },
    );
  await writeNewFiles(directory, files);
  return names;
}

/** What an editor needs: the settings and schemas of a tree that are not there yet. */
export async function missingEditorFiles(template: string, directory: string): Promise<NewFiles> {
  const files = [...(await filesOf(template))].filter(([file]) => file.startsWith("."));
  const there = await Promise.all(files.map(([file]) => isThere(directory, file)));
  return new Map(files.filter((_, index) => !there[index]));
}

/** All files of a tree, by their path in it. */
async function filesOf(template: string): Promise<NewFiles> {
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(template, join(entry.parentPath, entry.name)))
    .toSorted(byText);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(template, name))] as const)),
  );
}

/** A manifest that is in the directory, or what there cannot be read. */
async function manifestIn(directory: string): Promise<string | undefined> {
  if (!(await isThere(directory, "."))) return undefined;
  const { manifests, unreadable } = await readTree(directory);
  return manifests[0]?.path ?? unreadable[0]?.file;
}

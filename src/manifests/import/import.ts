import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { asError, codeOf, EvenkeelError } from "../../api/errors.ts";
import { missingEditorFiles } from "../first-tree.ts";
import { load } from "../load.ts";
import { firstThere, isThere, writeNewFiles } from "../new-files.ts";
import type { Problem, Revision } from "../revision.ts";
import { readTree } from "../tree.ts";
import { draft } from "./draft.ts";
import { type OldTenant, readOldFile } from "./old-file.ts";
import { textsOf } from "./text.ts";

export interface ImportResult {
  /** With the predecessor's file. An error among them: then nothing was written. */
  readonly problems: readonly Problem[];
  /** Undefined when nothing was written. */
  readonly imported: Imported | undefined;
}

export interface Imported {
  readonly old: OldTenant;
  /** Manifests that were written, relative to the directory. */
  readonly manifests: readonly string[];
  /** Whether an editor's settings were written too. */
  readonly hasEditorFiles: boolean;
  /** What is to be said of the manifests that were written. */
  readonly remaining: readonly Problem[];
}

/** More than any tenant needs, in bytes. */
const LARGEST_FILE = 1024 * 1024;

/**
 * Writes manifests for the tenant of a predecessor's file: into a tree that is there already, or a new one. Nothing is
 * overwritten, and no hypervisor is asked.
 * @param template the first tree, for an editor's settings
 * @throws EvenkeelError EK-USAGE when the file cannot be read or a manifest is there already, EK-MANIFESTS when the tree
 *   cannot be read, EK-EDIT when it cannot be written
 */
export async function importOldFile(
  file: string,
  directory: string,
  template: string,
): Promise<ImportResult> {
  const { tenant: old, remarks, problems } = readOldFile(file, await readOld(file));
  if (old === undefined || remarks === undefined) return { problems, imported: undefined };
  const tree = await treeIn(directory);
  const made = draft(old, [...(tree?.hypervisors.values() ?? [])], remarks);
  const all = [...problems.filter(({ code }) => code !== "EK-IMPORT"), ...remarks.problems].toSorted(
    (a, b) => a.line - b.line || a.column - b.column,
  );
  if (all.some(({ severity }) => severity === "error")) return { problems: all, imported: undefined };
  const texts = textsOf(made, tree?.fleet);
  const manifests = [...texts.keys()];
  const obstacle = await firstThere(directory, manifests);
  if (obstacle !== undefined)
    throw new EvenkeelError(
      "EK-USAGE",
      `${join(directory, obstacle)} is there already; nothing was written`,
      {
        fix: "give another directory, or import the tenant under another TName",
      },
    );
  const forEditors = await missingEditorFiles(template, directory);
  await writeNewFiles(directory, new Map([...texts, ...forEditors]));
  const { problems: found } = await load(directory);
  const remaining = found.filter((problem) => manifests.includes(problem.file));
  return { problems: all, imported: { old, manifests, hasEditorFiles: forEditors.size > 0, remaining } };
}

async function readOld(file: string): Promise<Buffer> {
  const content = await readFile(file).catch((error: unknown) => {
    throw new EvenkeelError("EK-USAGE", `${file} cannot be read: ${codeOf(asError(error))}`, {
      cause: error,
    });
  });
  if (content.length <= LARGEST_FILE) return content;
  throw new EvenkeelError("EK-USAGE", `${file} is larger than 1 MiB, and no tenant's file`);
}

/** The tree that is in a directory; undefined where there is no manifest yet. */
async function treeIn(directory: string): Promise<Revision | undefined> {
  if (!(await isThere(directory, "."))) return undefined;
  const { manifests, unreadable } = await readTree(directory);
  return manifests.length === 0 && unreadable.length === 0 ? undefined : await load(directory);
}

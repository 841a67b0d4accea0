import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import writeFileAtomic from "write-file-atomic";
import type { DocumentKey, Manifest } from "../api/documents.ts";
import { EvenkeelError } from "../api/errors.ts";
import { type Edit, editText, writtenIn } from "./edit.ts";
import { load } from "./load.ts";
import { valueAt } from "./path.ts";
import { ManifestsError, type Problem, type Revision } from "./revision.ts";

/** What one field is to be. */
export type Field = Pick<Edit, "path" | "value">;

/** What a field says: what is written there, or the default in its place. */
export interface Setting {
  readonly value: unknown;
  readonly isWritten: boolean;
}

/** One field before and after an edit; both are equal where it was as wished. */
export interface FieldChange {
  readonly path: readonly string[];
  readonly before: Setting;
  readonly after: Setting;
}

/** What an edit came to. */
export interface Edited {
  /** Relative to the tree. */
  readonly file: string;
  /** The file's real path. */
  readonly path: string;
  /** False when all was as wished; then nothing was written. */
  readonly changed: boolean;
  readonly fields: readonly FieldChange[];
  /** The tree as it is now. */
  readonly revision: Revision;
}

export interface EditOptions {
  /** Asked with the file's real path when all else is well; what it throws keeps the file as it is. */
  readonly beforeWriting?: (path: string) => Promise<void>;
}

/**
 * Changes one field; see {@link editFields}.
 * @param fieldOf what to change, out of the document in force; undefined when all is as wished
 */
export const editField = async (
  directory: string,
  key: DocumentKey,
  fieldOf: (object: Manifest) => Field | undefined,
): Promise<Edited> => editFields(directory, key, (object) => [fieldOf(object) ?? []].flat());

/**
 * Changes fields of an object's document in a tree of manifests, all or none. The tree is checked as it would be before
 * anything is written; the file is there whole or as it was, and is not written when somebody else has changed it
 * meanwhile (what changes within the instant between that comparison and the writing would be lost).
 * @param fieldsOf what to change, out of the document in force; none of the fields lies in another
 * @throws EvenkeelError EK-NOT-FOUND, EK-EDIT
 * @throws ManifestsError when errors would come of it, or when the document has some
 */
export async function editFields(
  directory: string,
  key: DocumentKey,
  fieldsOf: (object: Manifest) => readonly Field[],
  { beforeWriting }: EditOptions = {},
): Promise<Edited> {
  const before = await load(directory);
  const stored = before.documents.get(key);
  if (stored === undefined) throw notInForce(directory, key, before);
  const [kind = "", , name = ""] = key.split("/");
  const { file } = stored;
  const path = await realpath(join(before.directory, file));
  const content = await readFile(path);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
  const edits = fieldsOf(stored.object).map((field) => ({ kind, name, ...field }));
  // Each by itself first, so that the place of what is refused is one of the file as it lies there.
  for (const edit of edits) editText(file, text, edit);
  const edited = edits.reduce((sofar, edit) => editText(file, sofar, edit), text);
  const after = Buffer.from(edited);
  const changed = edited !== text;
  const revision = changed ? await load(directory, { edited: { path: file, content: after } }) : before;
  const worse = newErrors(before.problems, revision.problems);
  if (worse.length > 0)
    throw new ManifestsError("the manifests would not be valid after that; nothing was written", worse);
  const now = revision.documents.get(key)?.object;
  const fields = edits.map((edit): FieldChange => {
    const was = settingOf(writtenIn(text, edit), stored.object, edit.path);
    const is = settingOf(edit.value, now, edit.path);
    return { path: edit.path, before: was, after: isDeepStrictEqual(was, is) ? was : is };
  });
  if (changed) {
    await beforeWriting?.(path);
    if (!content.equals(await readFile(path)))
      throw new EvenkeelError("EK-EDIT", `${file} has been changed by somebody else meanwhile`, {
        fix: "once more",
      });
    await writeFileAtomic(path, after);
  }
  return { file, path, changed, fields, revision };
}

const settingOf = (written: unknown, object: Manifest | undefined, path: readonly string[]): Setting =>
  written === undefined
    ? { value: valueAt(object, path), isWritten: false }
    : { value: written, isWritten: true };

/** Why a document cannot be edited: it has errors, or there is none. */
function notInForce(directory: string, key: DocumentKey, { problems }: Revision): EvenkeelError {
  const object = key.replace("//", "/");
  const own = problems.filter((problem) => problem.severity === "error" && problem.object === object);
  if (own.length > 0)
    return new ManifestsError(`${object} is not valid as it is; nothing was written`, own, {
      fix: "mend that by hand first",
    });
  return new EvenkeelError("EK-NOT-FOUND", `${directory} holds no valid document of ${object}`, {
    fix: "reconcile validate, and reconcile get all",
  });
}

const nameOf = ({ file, path, code, message }: Problem): string =>
  JSON.stringify([file, path, code, message]);

/** Errors that were not there before, wherever in their files they stand now. */
function newErrors(before: readonly Problem[], after: readonly Problem[]): readonly Problem[] {
  const known = new Set(before.map(nameOf));
  return after.filter((problem) => problem.severity === "error" && !known.has(nameOf(problem)));
}

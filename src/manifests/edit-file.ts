import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { DocumentKey, Manifest } from "../api/documents.ts";
import { EvenkeelError } from "../api/errors.ts";
import { type Edit, editText } from "./edit.ts";
import { load } from "./load.ts";
import { ManifestsError, type Problem, type Revision } from "./revision.ts";

/** What an edit came to. */
export interface Edited {
  /** Relative to the tree. */
  readonly file: string;
  /** False when the field was as wished; then nothing was written. */
  readonly changed: boolean;
  /** The tree as it is now. */
  readonly revision: Revision;
}

/**
 * Changes one field of an object's document in a tree of manifests. The tree is checked as it would be before anything is
 * written; the file is there whole or as it was, and is not written when somebody else has changed it meanwhile (what
 * changes within the instant between that comparison and the writing would be lost).
 * @param fieldOf what to change, out of the document in force; undefined when all is as wished
 * @throws EvenkeelError EK-NOT-FOUND, EK-EDIT
 * @throws ManifestsError when errors would come of it
 */
export async function editField(
  directory: string,
  key: DocumentKey,
  fieldOf: (object: Manifest) => Pick<Edit, "path" | "value"> | undefined,
): Promise<Edited> {
  const before = await load(directory);
  const stored = before.documents.get(key);
  const [kind = "", , name = ""] = key.split("/");
  if (stored === undefined)
    throw new EvenkeelError(
      "EK-NOT-FOUND",
      `${directory} holds no valid document of ${key.replace("//", "/")}`,
      {
        fix: "reconcile validate, and reconcile get all",
      },
    );
  const { file } = stored;
  const path = await realpath(join(before.directory, file));
  const content = await readFile(path);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
  const field = fieldOf(stored.object);
  const edited = field === undefined ? text : editText(file, text, { kind, name, ...field });
  if (edited === text) return { file, changed: false, revision: before };

  const after = Buffer.from(edited);
  const revision = await load(directory, { edited: { path: file, content: after } });
  const worse = newErrors(before.problems, revision.problems);
  if (worse.length > 0)
    throw new ManifestsError("the manifests would not be valid after that; nothing was written", worse);
  if (!content.equals(await readFile(path)))
    throw new EvenkeelError("EK-EDIT", `${file} has been changed by somebody else meanwhile`, {
      fix: "once more",
    });
  await writeFileAtomic(path, after);
  return { file, changed: true, revision };
}

const nameOf = ({ file, path, code, message }: Problem): string =>
  JSON.stringify([file, path, code, message]);

/** Errors that were not there before, wherever in their files they stand now. */
function newErrors(before: readonly Problem[], after: readonly Problem[]): readonly Problem[] {
  const known = new Set(before.map(nameOf));
  return after.filter((problem) => problem.severity === "error" && !known.has(nameOf(problem)));
}

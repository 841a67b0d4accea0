import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { StoredDocument } from "../api/documents.ts";
import { parseFile } from "./parse.ts";
import { type Path, valueAt } from "./path.ts";

/**
 * Where fields of an object are written now, `web.yaml:15`, in the order asked for; what is not written, such as a default,
 * is placed at the nearest field around it. Empty where the file cannot be read, or does not hold the object any more.
 * @param directory of the tree
 */
export async function citeFields(
  directory: string,
  { file, object }: StoredDocument,
  paths: readonly Path[],
): Promise<readonly string[]> {
  const content = await readFile(join(directory, file)).catch(() => undefined);
  const documents = content && parseFile({ path: file, content }).documents;
  const written = documents?.find(
    ({ value }) =>
      valueAt(value, ["kind"]) === object.kind &&
      valueAt(value, ["metadata", "name"]) === object.metadata.name,
  );
  return written ? paths.map((path) => `${basename(file)}:${written.position(path).line}`) : [];
}

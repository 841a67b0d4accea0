import { EvenkeelError } from "../api/errors.ts";
import type { Field } from "../manifests/edit-file.ts";
import { readScalar } from "../manifests/flow.ts";
import { startsWith } from "../manifests/path.ts";
import { DEFAULT_DIRECTORY } from "./options.ts";

const FIX =
  "give fields as autoscale.cooldownSeconds=30, or autoscale.pause- to take one away; the directory last";

/** `a.b=value`, or `a.b-`. */
const ASSIGNMENT = /^([A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*)(?:=(.*)|-)$/s;

/** A directory may be called as it likes where it begins with a dot or a slash. */
const isDirectory = (word: string): boolean => /^[./]/.test(word) || !/=|-$/.test(word);

/** Reads what `set` is to change, and the directory that may come last. */
export function parseAssignments(words: readonly string[]): {
  readonly fields: readonly Field[];
  readonly directory: string;
} {
  const last = words.at(-1);
  const directory = last !== undefined && isDirectory(last) ? last : undefined;
  const fields = (directory === undefined ? words : words.slice(0, -1)).map(parseAssignment);
  if (fields.length === 0) throw new EvenkeelError("EK-USAGE", "there is no field to set", { fix: FIX });
  for (const [index, { path }] of fields.entries())
    if (fields.some((other, at) => at !== index && startsWith(other.path, path)))
      throw new EvenkeelError("EK-USAGE", `${dotted(path)} is given twice, or as a whole and in part`, {
        fix: "name each field once",
      });
  return { fields, directory: directory ?? DEFAULT_DIRECTORY };
}

function parseAssignment(word: string): Field {
  const [, name, text] = ASSIGNMENT.exec(word) ?? [];
  if (name === undefined)
    throw new EvenkeelError("EK-USAGE", `${JSON.stringify(word)} sets no field`, {
      fix: word.includes("[") ? "items of lists are changed by hand" : FIX,
    });
  const steps = name.split(".");
  const path = steps[0] === "spec" ? steps : ["spec", ...steps];
  if (path.length === 1) throw new EvenkeelError("EK-USAGE", "spec is set field by field", { fix: FIX });
  if (text === "")
    throw new EvenkeelError("EK-USAGE", `${name} has no value`, {
      fix: `${name}- takes it away, and ${name}='""' is empty text`,
    });
  return { path, value: text === undefined ? undefined : readScalar(text) };
}

/** As it is given: below `spec`. */
export const dotted = (path: readonly string[]): string => path.slice(1).join(".");

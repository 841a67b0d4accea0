import type { Schema } from "../api/definition.ts";
import type { KindName } from "../api/kinds.gen.ts";
import type { ValidationError } from "../api/validators.gen.js";
import type { Fault } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { fromPointer, type Path, valueAt } from "./path.ts";
import { fieldNames, schemaAt } from "./schema.ts";

const LONGEST_QUOTE = 60;

/** A value as a message shows it: texts in quotes, collections by what they are. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const quoted = JSON.stringify(value);
  return quoted.length <= LONGEST_QUOTE ? quoted : `${quoted.slice(0, LONGEST_QUOTE - 4)}…"`;
}

/** What a value must be, for people: from the schema's title where it has one. */
function nature({ title, type, enum: choices }: Schema): string {
  if (title) return title;
  if (choices) return `one of ${choices.join(", ")}`;
  const words: Readonly<Record<string, string>> = {
    object: "a map",
    array: "a list",
    string: "text",
    integer: "a whole number",
    number: "a number",
    boolean: "true or false",
  };
  return [type]
    .flat()
    .map((name) => words[name ?? ""] ?? String(name))
    .join(" or ");
}

const counted = (count: unknown, one: string): string => `${String(count)} ${one}${count === 1 ? "" : "s"}`;

/** The sentence that a violated JSON Schema keyword stands for. */
function sentence(error: ValidationError, schema: Schema, value: unknown): string {
  const { keyword, params } = error;
  const found = `found ${show(value)}`;
  const limit = params["limit"];
  switch (keyword) {
    case "enum":
      return `must be ${nature({ ...(schema.enum && { enum: schema.enum }) })}; ${found}`;
    case "minimum":
      return `must be at least ${String(limit)}, ${found}`;
    case "exclusiveMinimum":
      return `must be more than ${String(limit)}, ${found}`;
    case "maximum":
      return `must be at most ${String(limit)}, ${found}`;
    case "minLength":
      return `must have at least ${counted(limit, "character")}, ${found}`;
    case "maxLength":
      return `must have at most ${counted(limit, "character")}, found ${String(value).length}`;
    case "minItems":
      return `must have at least ${counted(limit, "item")}, found ${show(value)}`;
    case "maxItems":
      return `must have at most ${counted(limit, "item")}, found ${Array.isArray(value) ? value.length : show(value)}`;
    case "minProperties":
      return `must have at least ${counted(limit, "entry").replace("entrys", "entries")}, found none`;
    case "maxProperties":
      return `must have at most ${counted(limit, "entry").replace("entrys", "entries")}`;
    default:
      return `must be ${nature(schema)}, ${found}`;
  }
}

/** How a number in quotes, or a text that YAML took for something else, is put right. */
function repair(schema: Schema, value: unknown): string | undefined {
  const types = [schema.type].flat();
  const numeric = types.includes("integer") || types.includes("number");
  if (!types.includes("string") && numeric && typeof value === "string" && /^\d+$/.test(value)) {
    return "write it without quotes";
  }
  const taken = typeof value === "number" || typeof value === "boolean" || value === null;
  if (types.length === 1 && types[0] === "string" && !schema.enum && taken) return "write it in quotes";
  if (schema.enum && typeof value === "string") return didYouMean(value, schema.enum);
  return undefined;
}

/** What ajv found wrong with a document of a kind, said so that its writer knows what to do. */
export function faultOf(kind: KindName, document: unknown, error: ValidationError): Fault {
  const parent = fromPointer(error.instancePath, document);
  const { missingProperty, additionalProperty } = error.params;
  if (typeof missingProperty === "string") {
    const path: Path = [...parent, missingProperty];
    const title = schemaAt(kind, path)?.title;
    return { code: "EK-FIELD-MISSING", path, message: `must be given${title ? `: ${title}` : ""}` };
  }
  if (typeof additionalProperty === "string") {
    const known = fieldNames(kind, parent);
    const list = known.length === 0 ? undefined : `known here: ${known.join(", ")}`;
    return {
      code: "EK-FIELD-UNKNOWN",
      path: [...parent, additionalProperty],
      at: "key",
      message: "unknown field",
      suggestion: didYouMean(additionalProperty, known) ?? list,
    };
  }
  const schema = schemaAt(kind, parent) ?? {};
  const value = valueAt(document, parent);
  return {
    code: "EK-FIELD-INVALID",
    path: parent,
    message: sentence(error, schema, value),
    suggestion: repair(schema, value),
  };
}

import type { Schema } from "../api/definition.ts";
import { DEFINITIONS } from "../api/definitions.gen.ts";
import type { KindName } from "../api/kinds.gen.ts";
import type { Path } from "./path.ts";

/** What the kind's schema says about the value at the end of a path; undefined where it knows none. */
export function schemaAt(kind: KindName, path: Path): Schema | undefined {
  let schema: Schema | undefined = DEFINITIONS[kind].schema;
  for (const step of path) schema = typeof step === "number" ? schema?.items : field(schema, step);
  return schema;
}

const field = (schema: Schema | undefined, name: string): Schema | undefined => {
  if (schema?.properties && Object.hasOwn(schema.properties, name)) return schema.properties[name];
  return schema?.additionalProperties === false ? undefined : schema?.additionalProperties;
};

/** The fields that an object there may have. */
export const fieldNames = (kind: KindName, path: Path): readonly string[] =>
  Object.keys(schemaAt(kind, path)?.properties ?? {});

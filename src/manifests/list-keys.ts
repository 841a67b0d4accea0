import type { Schema } from "../api/definition.ts";
import { DEFINITIONS } from "../api/definitions.gen.ts";
import type { KindName } from "../api/kinds.gen.ts";
import type { Fault } from "./fault.ts";
import { child, isMap, type Path } from "./path.ts";
import { show } from "./sentences.ts";

/**
 * Items of lists that are there twice, where the kind's definition forbids it: in a `set` no value may repeat, in a
 * list of type `map` no two items may agree in all of their key fields.
 */
export const repeatedItems = (kind: KindName, document: unknown): readonly Fault[] =>
  search(DEFINITIONS[kind].schema, document, []);

function search(schema: Schema, value: unknown, path: Path): readonly Fault[] {
  if (Array.isArray(value) && schema.items) {
    const { items } = schema;
    return [
      ...repeats(schema, value, path),
      ...value.flatMap((item, index) => search(items, item, [...path, index])),
    ];
  }
  if (!isMap(value)) return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    search(property, child(value, name), [...path, name]),
  );
}

function repeats(schema: Schema, list: readonly unknown[], path: Path): readonly Fault[] {
  const type = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (type !== "set" && type !== "map") return [];
  const seen = new Map<string, number>();
  return list.flatMap((item, index): readonly Fault[] => {
    const parts = type === "set" ? [item] : keys.map((key) => child(item, key));
    // What is incomplete or of the wrong type is told elsewhere.
    if (parts.some((part) => part === undefined || typeof part === "object")) return [];
    const identity = JSON.stringify(parts);
    const first = seen.get(identity);
    if (first === undefined) {
      seen.set(identity, index);
      return [];
    }
    const [key] = keys;
    const what = parts.map(show).join(" ");
    return [
      {
        code: "EK-DUPLICATE",
        path: [...path, index, ...(type === "map" && key !== undefined ? [key] : [])],
        message: `must not repeat an item of the list, found ${what} a second time`,
      },
    ];
  });
}

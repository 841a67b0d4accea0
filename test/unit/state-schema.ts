import { readFileSync } from "node:fs";
import Ajv from "ajv";
import formats from "ajv-formats";

const ajv = new Ajv.default({ allErrors: true, strict: true, allowUnionTypes: true });
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types take it for a namespace
(formats as unknown as (to: unknown) => void)(ajv);
const validate = ajv.compile(
  JSON.parse(readFileSync("crd-schemas/tenant-state.schema.json", "utf8")) as object,
);

/** What the published schema of a tenant's state has against a value. */
export const complaints = (state: unknown): string[] => {
  validate(state);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);
};

/** The shape of a value: names and order of fields, and the type of each. A list is as its first item. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]);
}

import { isScalar, parseAllDocuments, Scalar } from "yaml";
import { EvenkeelError } from "../api/errors.ts";

/** A value without parts, as YAML's core schema knows them. */
export type ScalarValue = string | number | boolean | null;

/** Text that can stand without quotes anywhere, unless YAML takes it for something else than text. */
const PLAIN = /^[A-Za-z0-9_./](?:[A-Za-z0-9_./:@+-]*[A-Za-z0-9_./@+-])?$/;

const isPlain = (text: string): boolean => PLAIN.test(text) && scalarIn(text) === text;

/** Plain data as one line of YAML: JSON, whose names need no quotes where they are words. */
export function flow(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, part]) => {
    const plain = /^[A-Za-z][A-Za-z0-9]*$/.test(name) ? name : JSON.stringify(name);
    return `${plain}: ${flow(part)}`;
  });
  return Array.isArray(value) ? `[${value.map(flow).join(", ")}]` : `{${fields.join(", ")}}`;
}

/** The same in the quotes, or without them, that the value which it takes the place of is written in. */
export function flowLike(before: unknown, value: unknown): string {
  if (typeof value !== "string" || !isScalar(before)) return flow(value);
  if (before.type === Scalar.PLAIN && isPlain(value)) return value;
  if (before.type === Scalar.QUOTE_SINGLE && !/\p{Cc}/u.test(value))
    return `'${value.replaceAll("'", "''")}'`;
  return flow(value);
}

/** As people read it: text in quotes only where it would be taken for something else. */
export const shown = (value: unknown): string =>
  typeof value === "string" && isPlain(value) ? value : flow(value);

/**
 * What a text stands for as a scalar of YAML: `70`, `true`, `500m`, `"two words"`.
 * @throws EvenkeelError EK-USAGE when it is anything else
 */
export function readScalar(text: string): ScalarValue {
  const value = scalarIn(text);
  if (value !== undefined) return value;
  throw new EvenkeelError("EK-USAGE", `${JSON.stringify(text)} is no single value of YAML`, {
    fix: `text with signs that mean something in YAML goes in quotes: '"a: b"'; lists and maps are changed by hand`,
  });
}

function scalarIn(text: string): ScalarValue | undefined {
  const documents = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    logLevel: "silent",
  });
  const [document] = documents;
  if ("empty" in documents || document === undefined || documents.length > 1) return undefined;
  const { contents: node, errors, comment, commentBefore } = document;
  const isAlone = isScalar(node) && node.anchor === undefined && node.tag === undefined;
  if (!isAlone || errors.length > 0) return undefined;
  if ([comment, commentBefore, node.comment, node.commentBefore].some(Boolean)) return undefined;
  const { value } = node;
  if (typeof value === "number") return Number.isFinite(value) && isKept(value) ? value : undefined;
  return typeof value === "string" || typeof value === "boolean" || value === null ? value : undefined;
}

/** A whole number that is too large to be told from its neighbours would be written as one of them. */
const isKept = (value: number): boolean => !Number.isInteger(value) || Number.isSafeInteger(value);

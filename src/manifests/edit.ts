import { isDeepStrictEqual } from "node:util";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import { EvenkeelError } from "../api/errors.ts";
import { flow, flowLike } from "./flow.ts";
import { Locator } from "./locate.ts";
import { child, type Path, showPath, valueAt } from "./path.ts";

/** What is to be different in one document. */
export interface Edit {
  /** The object whose document it is. */
  readonly kind: string;
  readonly name: string;
  /** Through maps only; fields on the way that are not there are made. */
  readonly path: readonly string[];
  /** Plain data; undefined takes the field away. */
  readonly value: unknown;
}

/** A part of a text and what to put there. */
interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Sets or takes away one field in a file's text. Everything else stays as it is written, to the byte: comments, order,
 * quotes, line ends. What comes of it is read again, and must differ from what was read before in that field alone.
 * @throws EvenkeelError EK-EDIT where the field cannot be changed by itself, with its place
 */
export function editText(file: string, text: string, edit: Edit): string {
  const lines = new LineCounter();
  const documents = parse(text, lines);
  const chosen = documents.filter((one) => isAbout(one.toJS(), edit));
  const [document] = chosen;
  const refuse = (path: Path, why: string): EvenkeelError => {
    const locator = new Locator(text, lines, { quotes: false });
    const { line, column } = document ? locator.field(document, path) : { line: 1, column: 1 };
    const what = path.length === 0 ? "" : `${showPath(path)}: `;
    return new EvenkeelError("EK-EDIT", `${file}:${line}:${column}: ${what}${why}`, {
      fix: "change it by hand",
    });
  };
  if (document === undefined || chosen.length > 1 || documents.some(({ errors }) => errors.length > 0))
    throw refuse([], `must declare ${edit.kind}/${edit.name} once, without errors, to be changed here`);
  if (isDeepStrictEqual(valueAt(document.toJS(), edit.path), edit.value)) return text;
  const splice = spliceFor(document, text, edit, refuse);
  const edited = text.slice(0, splice.start) + splice.text + text.slice(splice.end);
  const after = parse(edited);
  const isAsMeant =
    after.length === documents.length &&
    after.every(({ errors }) => errors.length === 0) &&
    documents.every((one, index) => {
      const wanted: unknown = one === document ? changed(one.toJS(), edit.path, edit.value) : one.toJS();
      return isDeepStrictEqual(valueOf(after[index]), wanted);
    });
  if (!isAsMeant) throw refuse(edit.path, "cannot be changed here without changing something else");
  return edited;
}

/** The value of a field as it is written in the one document of that name; undefined where it is not. */
export const writtenIn = (text: string, { kind, name, path }: Omit<Edit, "value">): unknown =>
  valueAt(
    parse(text)
      .map((document): unknown => document.toJS())
      .find((value) => isAbout(value, { kind, name })),
    path,
  );

function parse(text: string, lineCounter = new LineCounter()): readonly Document.Parsed[] {
  const parsed = parseAllDocuments(text, { version: "1.2", schema: "core", merge: false, lineCounter });
  return "empty" in parsed ? [] : parsed;
}

const isAbout = (value: unknown, { kind, name }: Pick<Edit, "kind" | "name">): boolean =>
  child(value, "kind") === kind && valueAt(value, ["metadata", "name"]) === name;

/** What a document says; undefined when an alias in it has lost what it stood for. */
function valueOf(document: Document | undefined): unknown {
  try {
    return document?.toJS();
  } catch {
    return undefined;
  }
}

/** A copy with the field changed. */
function changed(root: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  const fields: Readonly<Record<string, unknown>> = typeof root === "object" ? { ...root } : {};
  const { [step]: before, ...others } = fields;
  const after = changed(before, rest, value);
  if (after === undefined) return others;
  return { ...fields, [step]: after };
}

/** What to change in the text. */
function spliceFor(document: Document.Parsed, text: string, { path, value }: Edit, refuse: Refuse): Splice {
  let node: unknown = document.contents;
  for (const [depth, step] of path.entries()) {
    const here = path.slice(0, depth);
    mustBeItsOwn(node, here, refuse);
    if (!isMap(node)) throw refuse(here, "must be a map");
    if (node.items.some(({ key }) => isScalar(key) && key.value === "<<"))
      throw refuse([...here, "<<"], "must not merge another map: what that holds is used elsewhere too");
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
    if (pair === undefined) {
      const inner = path.slice(depth + 1).reduceRight<unknown>((part, name) => ({ [name]: part }), value);
      return insertion(node, `${step}: ${flow(inner)}`, text);
    }
    if (depth < path.length - 1) {
      node = pair.value;
      continue;
    }
    mustBeItsOwn(pair.value, path, refuse);
    if (value === undefined) {
      const splice = removal(node, pair, text);
      if (splice === undefined) throw refuse(path, "must begin its line to be taken away");
      return splice;
    }
    return replacement(pair, value, text);
  }
  throw refuse([], "must be changed in a field");
}

type Refuse = (path: Path, why: string) => EvenkeelError;

/** What other places share cannot be changed in one of them alone. */
function mustBeItsOwn(node: unknown, path: Path, refuse: Refuse): void {
  if (isAlias(node)) throw refuse(path, "must not be an alias: what it stands for is used elsewhere too");
  if (isNode(node) && "anchor" in node && node.anchor !== undefined)
    throw refuse(path, "must not have an anchor: what it names is used elsewhere too");
}

const range = (node: unknown): readonly [number, number] =>
  isNode(node) && node.range ? [node.range[0], node.range[1]] : [0, 0];

const keyEnd = ({ key }: Pair): number => range(key)[1];

/** From a field's name to the end of its value, without line ends and comments behind that. */
function rangeOf(pair: Pair, text: string): readonly [number, number] {
  const [start] = range(pair.key);
  const end = Math.max(colonAfter(keyEnd(pair), text), range(pair.value)[1]);
  return [start, start + text.slice(start, end).trimEnd().length];
}

/** Just behind the colon after a name, where there is one. */
function colonAfter(end: number, text: string): number {
  const colon = /^\s*:/.exec(text.slice(end));
  return end + (colon?.[0].length ?? 0);
}

/** Where the line that a position is in begins, and where the next one does. */
const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;
const nextLine = (text: string, at: number): number => {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end + 1;
};

/** Another value in a field, behind the name and what stands between them, such as spaces that align values. */
function replacement(pair: Pair, value: unknown, text: string): Splice {
  const [start, end] = rangeOf(pair, text);
  const [valueStart] = range(pair.value);
  const between = text.slice(keyEnd(pair), valueStart);
  const named = /^:[ \t]+$/.test(between) && valueStart < end ? between : ": ";
  return { start, end, text: `${text.slice(start, keyEnd(pair))}${named}${flowLike(pair.value, value)}` };
}

/** A new last field of a map. */
function insertion(map: YAMLMap, field: string, text: string): Splice {
  const last = map.items.at(-1);
  if (map.flow || last === undefined) {
    const end = last === undefined ? range(map)[0] + 1 : rangeOf(last, text)[1];
    return { start: end, end, text: last === undefined ? field : `, ${field}` };
  }
  const [start, end] = rangeOf(last, text);
  const at = nextLine(text, end);
  const newLine = text.includes("\r\n") ? "\r\n" : "\n";
  const isLastLine = !text.slice(end, at).endsWith("\n");
  const indent = " ".repeat(start - lineStart(text, start));
  const line = `${indent}${field}`;
  return { start: at, end: at, text: isLastLine ? `${newLine}${line}` : `${line}${newLine}` };
}

/** A field taken away, with its line where it has one of its own; undefined where that cannot be told apart. */
function removal(map: YAMLMap, pair: Pair, text: string): Splice | undefined {
  const [start, end] = rangeOf(pair, text);
  const index = map.items.indexOf(pair);
  const before = map.items[index - 1];
  const after = map.items[index + 1];
  if (map.flow) {
    if (before) return { start: rangeOf(before, text)[1], end, text: "" };
    return { start, end: after ? rangeOf(after, text)[0] : end, text: "" };
  }
  const line = lineStart(text, start);
  if (text.slice(line, start).trim() !== "") return undefined;
  // The last field of a map leaves an empty map, not nothing.
  if (!before && !after) return { start, end, text: "{}" };
  return { start: line, end: nextLine(text, end), text: "" };
}

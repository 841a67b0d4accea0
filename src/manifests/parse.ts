import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  parseAllDocuments,
  visit,
  type YAMLError,
} from "yaml";
import { type Fault, fileProblem, type Position } from "./fault.ts";
import { Locator } from "./locate.ts";
import type { Path } from "./path.ts";
import type { Problem } from "./revision.ts";
import { privateKeyIn } from "./secrets.ts";
import type { TreeFile } from "./tree.ts";

const MOST_ALIASES = 100;
const DEEPEST_VALUE = 32;
const TOO_DEEP = `must not be nested deeper than ${DEEPEST_VALUE} levels`;
/** One mistake makes a parser stumble many times; the first few tell what it was. */
const MOST_ERRORS = 5;
/** Control characters other than tab and line ends: YAML forbids most, and none belongs on a terminal. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/;

/** A document as it is written, before anything is known about its kind. */
export interface WrittenDocument {
  /** Plain data, nothing shared, no defaults. */
  readonly value: unknown;
  /** Mistakes of notation that leave it legible, such as a key that stands twice. */
  readonly faults: readonly Fault[];
  /** Where a field stands. */
  position(path: Path, at?: "key" | "value"): Position;
}

/** What a manifest file says. */
export interface WrittenFile {
  readonly path: string;
  /** Undefined when the file is not legible; `problems` then says why. */
  readonly documents: readonly WrittenDocument[] | undefined;
  /** With the file as a whole: none of its documents may come into force. */
  readonly problems: readonly Problem[];
}

/** Reads a file's documents: YAML 1.2, core schema. Never throws. */
export function parseFile({ path, content }: TreeFile): WrittenFile {
  const illegible = (...problems: readonly Problem[]): WrittenFile => ({
    path,
    documents: undefined,
    problems,
  });
  const refuse = (code: "EK-YAML" | "EK-LIMIT", message: string, position?: Position): WrittenFile =>
    illegible(fileProblem(path, code, message, position && { position }));

  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return refuse("EK-YAML", "must be text in UTF-8");
  }
  const secret = privateKeyIn(path, content);
  const lines = new LineCounter();
  const locator = new Locator(text, lines, { quotes: secret === undefined });
  const control = CONTROL.exec(text);
  if (control) {
    lines.addNewLine(0);
    for (const match of text.matchAll(/\n/g)) lines.addNewLine(match.index + 1);
    return refuse(
      "EK-YAML",
      "must not hold control characters",
      locator.range(control.index, control.index + 1),
    );
  }
  try {
    const parsed = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      merge: false,
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      logLevel: "error",
    });
    const documents = "empty" in parsed ? [] : parsed;
    const errors = documents
      .flatMap(({ errors: found }) => found)
      .filter(({ code }) => code !== "DUPLICATE_KEY");
    // The parser gives up on a nesting that is deeper than its stack.
    if (errors.some(({ message }) => /call stack/i.test(message))) return refuse("EK-LIMIT", TOO_DEEP);
    if (errors.length > 0) {
      const shown = errors.slice(0, MOST_ERRORS);
      return illegible(
        ...(secret ? [secret] : []),
        ...shown.map(({ message, pos }) =>
          fileProblem(path, "EK-YAML", sentence(message), { position: locator.range(pos[0], pos[1]) }),
        ),
      );
    }
    const written = documents.filter(({ contents }) => contents !== null && !isNothing(contents));
    if (written.length === 0) {
      return illegible(
        fileProblem(path, "EK-YAML", "must hold a document, found none", {
          suggestion: "to take an object away, take its file away",
        }),
      );
    }
    return {
      path,
      documents: written.map((document) => write(document, locator)),
      problems: secret ? [secret] : [],
    };
  } catch (error) {
    if (error instanceof TooEntangled) return refuse("EK-LIMIT", error.message, error.place(locator));
    if (error instanceof RangeError) return refuse("EK-LIMIT", TOO_DEEP);
    return refuse("EK-YAML", sentence(error instanceof Error ? error.message : String(error)));
  }
}

const isNothing = (node: unknown): boolean => isScalar(node) && node.value === null && node.source === "";

const sentence = (message: string): string =>
  `must be well-formed YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;

/** A document over one of the bounds that keep small files from becoming large. */
class TooEntangled extends Error {
  readonly #range: readonly [number, number];

  constructor(message: string, range: readonly number[] | null | undefined) {
    super(message);
    this.#range = [range?.[0] ?? 0, range?.[1] ?? 1];
  }

  place(locator: Locator): Position {
    return locator.range(...this.#range);
  }
}

function write(document: Document.Parsed, locator: Locator): WrittenDocument {
  let aliases = 0;
  const strange: Fault[] = [];
  visit(document, (_key, node, ancestors) => {
    if (isAlias(node)) {
      aliases += 1;
      if (aliases > MOST_ALIASES)
        throw new TooEntangled(`must hold at most ${MOST_ALIASES} aliases`, node.range);
    }
    if (isCollection(node) && ancestors.filter(isCollection).length >= DEEPEST_VALUE) {
      throw new TooEntangled(TOO_DEEP, node.range);
    }
    if (isPair(node) && !(isScalar(node.key) && typeof node.key.value === "string")) {
      const path = pathOf([...ancestors]);
      strange.push({ code: "EK-YAML", path, message: "must have names of plain text as keys" });
    }
  });
  let value: unknown;
  try {
    value = plain(document.toJS({ maxAliasCount: MOST_ALIASES }));
  } catch (error) {
    if (error instanceof ReferenceError && error.message.startsWith("Excessive")) {
      throw new TooEntangled("must not multiply itself by aliases", undefined);
    }
    throw error;
  }
  const duplicates = document.errors.map((error) => duplicate(error, document, locator));
  const position = (path: Path, at?: "key" | "value"): Position => {
    const known = duplicates.find(({ fault }) => fault.path === path);
    return known ? known.position : locator.field(document, path, at);
  };
  const unknownTags = document.warnings.map(
    (warning): Fault => ({ code: "EK-YAML", path: [], message: sentence(warning.message) }),
  );
  return { value, position, faults: [...duplicates.map(({ fault }) => fault), ...strange, ...unknownTags] };
}

/** A key that stands twice has no path of its own: two fields would have the same. Its path is known by identity. */
function duplicate(
  error: YAMLError,
  document: Document,
  locator: Locator,
): { fault: Fault; position: Position } {
  let path: Path = [];
  let end = error.pos[1];
  visit(document, {
    Pair: (_key, { key }, ancestors) => {
      if (!isScalar(key) || key.range?.[0] !== error.pos[0]) return undefined;
      end = key.range[1];
      path = [...pathOf([...ancestors]), String(key.value)];
      return visit.BREAK;
    },
  });
  return {
    fault: { code: "EK-YAML", path, message: "must stand once, found a second time" },
    position: locator.range(error.pos[0], end),
  };
}

/** The path of the innermost of a chain of nodes. */
function pathOf(ancestors: readonly unknown[]): Path {
  const steps: (string | number)[] = [];
  for (const [index, node] of ancestors.entries()) {
    const inner = ancestors[index + 1];
    if (isPair(node)) steps.push(isScalar(node.key) ? String(node.key.value) : "?");
    else if (isCollection(node) && !isMap(node) && inner !== undefined) {
      steps.push(node.items.findIndex((item) => item === inner));
    }
  }
  return steps;
}

/** A copy in which nothing is shared, so that filling in a default in one place does not show in another. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

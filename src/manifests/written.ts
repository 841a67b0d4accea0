import { type Document, isAlias, isCollection, isMap, isPair, isScalar, visit, type YAMLError } from "yaml";
import type { Fault, Position } from "./fault.ts";
import type { Locator } from "./locate.ts";
import type { Path } from "./path.ts";

const MOST_ALIASES = 100;
const DEEPEST_VALUE = 32;
/** What is said of a document that is nested too deeply. */
export const TOO_DEEP = `must not be nested deeper than ${DEEPEST_VALUE} levels`;

/** A document as it is written, before anything is known about its kind. */
export interface WrittenDocument {
  /** Plain data, nothing shared, no defaults. */
  readonly value: unknown;
  /** Mistakes of notation that leave it legible, such as a key that stands twice. */
  readonly faults: readonly Fault[];
  /** Where a field stands. */
  position(path: Path, at?: "key" | "value"): Position;
}

/** What the parser says, as one of our sentences. */
export const sentence = (message: string): string =>
  `must be well-formed YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;

/** A document over one of the bounds that keep small files from becoming large. */
export class TooEntangled extends Error {
  readonly #range: readonly [number, number];

  constructor(message: string, range: readonly number[] | null | undefined) {
    super(message);
    this.#range = [range?.[0] ?? 0, range?.[1] ?? 1];
  }

  place(locator: Locator): Position {
    return locator.range(...this.#range);
  }
}

/** Reads the value of a document, within bounds. Throws {@link TooEntangled} beyond them. */
export function write(document: Document.Parsed, locator: Locator): WrittenDocument {
  let aliases = 0;
  const strange: Fault[] = [];
  visit(document, (_key, node, ancestors) => {
    if (isAlias(node)) {
      aliases += 1;
      // guard: hostile trees
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

import { type Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, type LineCounter } from "yaml";
import type { Position } from "./fault.ts";
import type { Path } from "./path.ts";

/** Finds the lines and columns of a file. */
export class Locator {
  readonly #text: string;
  readonly #lines: LineCounter;
  /** False for files whose text must not be shown. */
  readonly #quotes: boolean;

  constructor(text: string, lines: LineCounter, options: { quotes: boolean }) {
    this.#text = text;
    this.#lines = lines;
    this.#quotes = options.quotes;
  }

  /** The place of a range of characters; the excerpt marks it up to the end of its first line. */
  range(start: number, end: number): Position {
    const { line, col } = this.#lines.linePos(start);
    const column = Math.max(col, 1);
    if (!this.#quotes) return { line: Math.max(line, 1), column };
    const lineStart = start - column + 1;
    const text = (this.#text.slice(lineStart).split(/\r?\n/, 1)[0] ?? "").trimEnd();
    const length = Math.max(1, Math.min(end - start, text.length - column + 1));
    return { line: Math.max(line, 1), column, excerpt: { text, length } };
  }

  /**
   * The place of the value at the end of a path, or of its field's name. What is not written (a missing field, a
   * default) is placed at the name of the nearest field around it that is. Where a field stands twice, the last counts.
   */
  field(document: Document, path: Path, at: "key" | "value" = "value"): Position {
    let node: unknown = document.contents;
    let name: unknown = node;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(document);
      const next: unknown = isMap(node)
        ? node.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(step))
        : isSeq(node)
          ? node.items[Number(step)]
          : undefined;
      if (next === undefined) return this.#node(name);
      name = isPair(next) ? next.key : next;
      node = isPair(next) ? next.value : next;
    }
    return this.#node(at === "key" || !hasRange(node) ? name : node);
  }

  #node(node: unknown): Position {
    if (!hasRange(node)) return this.range(0, 1);
    const [start, end] = node.range;
    return this.range(start, end);
  }
}

const hasRange = (node: unknown): node is { readonly range: readonly [number, number, number] } =>
  isNode(node) && node.range !== undefined && node.range !== null;

import { isScalar, LineCounter, parseAllDocuments } from "yaml";
import { fileProblem, type Position } from "./fault.ts";
import { Locator } from "./locate.ts";
import type { Problem } from "./revision.ts";
import { privateKeyIn } from "./secrets.ts";
import type { TreeFile } from "./tree.ts";
import { sentence, TOO_DEEP, TooEntangled, write, type WrittenDocument } from "./written.ts";

/** One mistake makes a parser stumble many times; the first few tell what it was. */
const MOST_ERRORS = 5;
/** Control characters other than tab and line ends: YAML forbids most, and none belongs on a terminal. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/;

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
  const secret = privateKeyIn(path, content);
  const illegible = (...problems: readonly Problem[]): WrittenFile => ({
    path,
    documents: undefined,
    problems: secret ? [secret, ...problems] : problems,
  });
  const refuse = (code: "EK-YAML" | "EK-LIMIT", message: string, position?: Position): WrittenFile =>
    illegible(fileProblem(path, code, message, position && { position }));

  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return refuse("EK-YAML", "must be text in UTF-8");
  }
  const lines = new LineCounter();
  const locator = new Locator(text, lines, { quotes: secret === undefined });
  const control = CONTROL.exec(text);
  // guard: hostile trees
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

import type { ErrorCode } from "../../api/errors.ts";
import { child, type Path, showPath } from "../path.ts";
import type { Problem } from "../revision.ts";
import type { WrittenDocument } from "../written.ts";

/** Reads fields of the predecessor's file, and collects what is to be said about them, with where they stand. */
export class Remarks {
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #document: WrittenDocument;

  constructor(file: string, document: WrittenDocument) {
    this.#file = file;
    this.#document = document;
  }

  /** Something that must be mended in the file before anything can be written. */
  error(path: Path, message: string, suggestion?: string): void {
    this.#add("error", path, message, suggestion);
  }

  /** Something that was done otherwise than the file says, or guessed. */
  warn(path: Path, message: string, suggestion?: string): void {
    this.#add("warning", path, message, suggestion);
  }

  /** A text as the predecessor wrote all of them: numbers too. Undefined when it is missing, or neither of the two. */
  text(within: object, path: Path, name: string): string | undefined {
    const value = child(within, name);
    if (typeof value === "string" || typeof value === "number") return String(value).trim();
    if (value !== undefined) this.warn([...path, name], "is neither text nor a number; it is passed over");
    return undefined;
  }

  /** A number that the predecessor wrote as text. Undefined when it is missing, empty, or no number. */
  number(within: object, path: Path, name: string): number | undefined {
    const text = this.text(within, path, name);
    if (text === undefined || text === "") return undefined;
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
    this.warn([...path, name], `is no number: ${quoted(text)}; it is passed over`);
    return undefined;
  }

  /** The objects of a list, each with its path. What is none is passed over, and said. */
  objects(value: unknown, path: Path): readonly { readonly of: object; readonly path: Path }[] {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item: unknown, index) => {
      const at = [...path, index];
      if (typeof item === "object" && item !== null) return [{ of: item, path: at }];
      this.warn(at, "is no object; it is passed over");
      return [];
    });
  }

  /** Says of fields that nobody knows that they are dropped. */
  onlyKnows(within: object, path: Path, names: readonly string[]): void {
    for (const name of Object.keys(within))
      if (!names.includes(name))
        this.warn([...path, name], "is no field of the predecessor's; it is dropped");
  }

  #add(severity: Problem["severity"], path: Path, message: string, suggestion?: string): void {
    const code: ErrorCode = "EK-IMPORT";
    this.problems.push({
      severity,
      code,
      file: this.#file,
      ...this.#document.position(path),
      path: showPath(path),
      message,
      ...(suggestion !== undefined && { suggestion }),
    });
  }
}

/** Other people's text in one line of ours, also in a comment: nothing in it can end the line. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text).replaceAll(/[^\u0020-\u007e]/g, "?");

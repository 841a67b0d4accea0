import type { ErrorCode } from "../api/errors.ts";
import type { Path } from "./path.ts";
import type { Excerpt, Problem } from "./revision.ts";

/** Something wrong with a document, before it is known where in the file that is. */
export interface Fault {
  readonly code: ErrorCode;
  readonly path: Path;
  /** What must hold, and what was found. */
  readonly message: string;
  readonly suggestion?: string | undefined;
  /** Default: error. */
  readonly severity?: "error" | "warning";
  /** What the reader is pointed to: the value (default), or the field's name. */
  readonly at?: "key" | "value";
}

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly excerpt?: Excerpt;
}

/** Where a file begins: for what is wrong with all of it. */
const START: Position = { line: 1, column: 1 };

/** A problem with a file as such, not with a field of a document in it. */
export const fileProblem = (
  file: string,
  code: ErrorCode,
  message: string,
  more: { readonly position?: Position; readonly suggestion?: string } = {},
): Problem => ({
  severity: "error",
  code,
  file,
  ...(more.position ?? START),
  path: "",
  message,
  ...(more.suggestion !== undefined && { suggestion: more.suggestion }),
});

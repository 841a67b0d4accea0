import type { ScriptResult } from "./shell.ts";

/** Seconds that `timeout` leaves a script between the polite and the final signal. */
const KILL_AFTER = 5;

/** Seconds after a script's deadline at which even its hypervisor's silence is taken for an answer. */
const SILENCE = KILL_AFTER + 2;

/** Most bytes kept of what a script prints; a look of 200 replicas has 1.4 MB. */
const OUTPUT_LIMIT = 64 * 1024 * 1024;

/** Seconds that the caller's side waits for a script with this deadline. */
export const patience = (deadlineSeconds: number): number => deadlineSeconds + SILENCE;

/**
 * The program that reads a script on standard input, and its arguments. Nothing in it comes from a manifest or from a
 * script: the deadline is the only thing that varies, and it is a whole number.
 */
export function interpreter(deadlineSeconds: number): [program: string, ...parameters: string[]] {
  if (!Number.isSafeInteger(deadlineSeconds) || deadlineSeconds < 1) {
    throw new RangeError(`a deadline is a whole number of seconds, at least 1, not ${deadlineSeconds}`);
  }
  // guard: one change at a time
  return ["timeout", "-k", String(KILL_AFTER), String(deadlineSeconds), "sh", "-s"];
}

/** Collects what a script prints. Bytes are decoded once, at the end: a character may be split between two chunks. */
export class Output {
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number = OUTPUT_LIMIT) {
    this.#limit = limit;
  }

  /** Whether more was printed than is kept; the result is then unknown, because the end of it is missing. */
  get overflowed(): boolean {
    return this.#bytes > this.#limit;
  }

  add(stream: "stdout" | "stderr", chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (!this.overflowed) (stream === "stdout" ? this.#stdout : this.#stderr).push(chunk);
  }

  /** The result of a script that ended with `code`. */
  ended(code: number): ScriptResult {
    // guard: sentinel
    if (this.overflowed) return this.unknown("");
    return { state: "ended", code, stdout: text(this.#stdout), stderr: text(this.#stderr) };
  }

  /** The result of a script of which nobody knows how far it came, with the reason as the last line of stderr. */
  unknown(reason: string): ScriptResult {
    const why = this.overflowed ? `more than ${this.#limit} bytes of output, the rest was not read` : reason;
    const before = text(this.#stderr);
    const newline = before === "" || before.endsWith("\n") ? "" : "\n";
    const stderr = `${before}${newline}evenkeel: end of the script not seen: ${why}\n`;
    return { state: "unknown", code: undefined, stdout: text(this.#stdout), stderr };
  }
}

const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString("utf8");

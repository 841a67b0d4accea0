import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { Reason } from "../api/reasons.ts";

/** A property of a value from outside, whatever that is: libraries mark their errors by `code`, `level`, `statusCode`. */
export const property = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** What something thrown says of itself. */
export const message = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message.trim() : String(thrown);

/** Something that did not go as planned. */
export interface Failure {
  readonly hypervisor: HypervisorName;
  /** The entry's name where one alone failed; undefined when a whole batch did. */
  readonly name: string | undefined;
  readonly message: string;
  readonly reason: Extract<Reason, "ChangeFailed" | "ImageMissing">;
}

/** In Go's words for a connection that failed: our own end's port, another one each time, so that no two would be the same. */
const OWN_PORT = /:\d+->/g;

export function failureOf(hypervisor: HypervisorName, name: string, error: unknown): Failure {
  if (!(error instanceof EvenkeelError)) throw error;
  return { hypervisor, name, reason: "ChangeFailed", message: error.message.replace(OWN_PORT, "->") };
}

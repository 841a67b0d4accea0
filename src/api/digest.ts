import { createHash } from "node:crypto";
import canonicalize from "canonicalize";

/** SHA-256 of the canonical JSON (RFC 8785) of a value, as hexadecimal: the same for the same meaning, in any language. */
export const digestOf = (value: unknown): string =>
  createHash("sha256")
    .update(canonicalize(value) ?? "null")
    .digest("hex");

/** What a plan is called: the first 7 digits of its digest. An approval holds for exactly that plan. */
export const planIdOf = (value: unknown): string => digestOf(value).slice(0, 7);

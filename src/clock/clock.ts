import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Incarnation, trusted } from "../api/names.ts";
import { steady } from "./steady.ts";

/** The only clock, timers and randomness of the program. */
export interface Clock {
  /** Milliseconds since the epoch; never less than before, however the machine's clock is set. */
  readonly now: () => number;
  /** Waits; rejects with an AbortError when the signal comes first. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Calls `action` later; returns how to cancel it. Keeps no process alive. */
  readonly schedule: (action: () => void, milliseconds: number) => () => void;
  /** A word that nobody can guess, to mark the parts of a script's output. */
  readonly nonce: () => string;
  /** Eight letters and digits that were never used before, as good as certain. */
  readonly incarnation: () => Incarnation;
}

const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

export const systemClock: Clock = {
  now: steady(Date.now, () => performance.now()),
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, { signal });
  },
  schedule(action, milliseconds) {
    const timer = setTimeout(action, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
  nonce: () => randomBytes(9).toString("hex"),
  // 32 letters: each byte's lower five bits pick one without bias.
  incarnation: () => trusted([...randomBytes(8)].map((byte) => ALPHABET[byte & 31]).join("")),
};

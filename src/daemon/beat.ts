import { asError } from "../api/errors.ts";
import type { Clock } from "../clock/clock.ts";
import type { Observation } from "../facts/facts.ts";

export interface BeatOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The last look; nothing is called before the first. */
  readonly observation: () => Observation | undefined;
  /** Called when it is due; resolves to when it is due next, milliseconds since the epoch, undefined when nothing is. */
  readonly call: (observation: Observation) => Promise<number | undefined>;
  /** How often it is called with nothing due, in milliseconds: whether something is may have changed. */
  readonly idle: number;
  readonly trouble: (error: Error) => void;
}

/** Until the first look, and after trouble, in milliseconds. */
const PAUSE = 200;
const AFTER_TROUBLE = 5_000;

/** Calls a controller whenever it wants to be called, until the signal comes. */
export async function beat(options: BeatOptions): Promise<void> {
  const { clock, signal, observation, call, idle, trouble } = options;
  while (!signal.aborted) {
    let wait = PAUSE;
    const seen = observation();
    try {
      if (seen !== undefined) {
        const again = await call(seen);
        wait = again === undefined ? idle : Math.max(again - clock.now(), 0);
      }
    } catch (error) {
      if (!signal.aborted) trouble(asError(error));
      wait = AFTER_TROUBLE;
    }
    await clock.sleep(wait, signal).catch(() => {});
  }
}

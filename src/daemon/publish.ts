import { asError } from "../api/errors.ts";
import type { Clock } from "../clock/clock.ts";
import type { TenantState } from "../status/state.ts";

export interface PublishOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Another number after each time that something became known. */
  readonly version: () => number;
  /** Every tenant's state; undefined before the first look. */
  readonly states: () => readonly TenantState[] | undefined;
  /** Writes them somewhere; what it throws is told, and it is called again. */
  readonly write: (states: readonly TenantState[]) => Promise<void>;
  /** At most this part of the time goes into it: so of a large fleet it is seldom done. */
  readonly share: number;
  readonly trouble: (error: Error) => void;
}

/** What becomes known comes in bursts: all is brought up to date at most this often, in milliseconds. */
const PERIOD = 1_000;

/** Keeps each tenant's state written somewhere. Ends with the signal, when it is there as it is known then. */
export async function publish(options: PublishOptions): Promise<void> {
  const { clock, signal, version, states, share, trouble } = options;
  let written = -1;
  let isWritten = true;
  const write = async (): Promise<void> => {
    const next = version();
    const known = next === written ? undefined : states();
    if (known === undefined) return;
    try {
      await options.write(known);
      written = next;
      isWritten = true;
    } catch (error) {
      // It holds nothing up, and is told once.
      if (isWritten) trouble(asError(error));
      isWritten = false;
    }
  };
  while (!signal.aborted) {
    const began = clock.now();
    await write();
    const took = clock.now() - began;
    await clock.sleep(Math.max(PERIOD, took / share), signal).catch(() => {});
  }
  await write();
}

import { asError } from "../api/errors.ts";
import type { Clock } from "../clock/clock.ts";
import { StateFiles } from "../ledger/state-files.ts";
import type { TenantState } from "../status/state.ts";

export interface PublishOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Held by this process. */
  readonly stateDirectory: string;
  /** Another number after each time that something became known. */
  readonly version: () => number;
  /** Every tenant's state; undefined before the first look. */
  readonly states: () => readonly TenantState[] | undefined;
  readonly trouble: (error: Error) => void;
}

/** What becomes known comes in bursts: the files are brought up to date at most this often, in milliseconds. */
const PERIOD = 1_000;
/** And of a large fleet seldom enough that it takes at most this part of the time. */
const SHARE = 1 / 20;

/** Keeps each tenant's state in its files. Ends with the signal, when they are as it is known then. */
export async function publish(options: PublishOptions): Promise<void> {
  const { clock, signal, stateDirectory, version, states, trouble } = options;
  const files = new StateFiles(stateDirectory);
  let written = -1;
  let isWritten = true;
  const write = async (): Promise<void> => {
    const next = version();
    const known = next === written ? undefined : states();
    if (known === undefined) return;
    try {
      await files.write(known);
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
    await clock.sleep(Math.max(PERIOD, took / SHARE), signal).catch(() => {});
  }
  await write();
}

import { constants } from "node:os";
import { within } from "../hosts/deadline.ts";

/** What the first and the second signal to end do to a run. */
export interface Interrupt {
  /** The first: what was begun is carried out, nothing new is begun. */
  readonly stop: AbortSignal;
  /** The second: what runs on hypervisors is left to itself, so that its outcome is not known. */
  readonly abort: AbortSignal;
  /** 130 or 143 when a signal came; undefined when none did. */
  readonly exitCode: number | undefined;
  /** Gives the signals back to whoever had them. */
  release(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Takes SIGINT and SIGTERM over. A third one ends the process as if nobody had. */
export function onInterrupt(tell: (text: string) => void): Interrupt {
  const stop = new AbortController();
  const abort = new AbortController();
  let exitCode: number | undefined;
  const take = (signal: NodeJS.Signals): void => {
    exitCode ??= 128 + constants.signals[signal];
    if (!stop.signal.aborted) {
      tell(`${signal}: ending after what has been begun; once more ends at once`);
      stop.abort();
    } else {
      tell(`${signal}: ending at once; what was under way may have been carried out`);
      abort.abort();
      release();
    }
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, take);
  };
  for (const signal of SIGNALS) process.on(signal, take);
  return {
    stop: stop.signal,
    abort: abort.signal,
    get exitCode() {
      return exitCode;
    },
    release,
  };
}

/** A command that has nothing to carry out was told to end, and did. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** 130 or 143. */
  readonly exitCode: number;

  constructor(exitCode: number) {
    const signal = exitCode === 128 + constants.signals.SIGINT ? "SIGINT" : "SIGTERM";
    super(`${signal}: ended without an answer; nothing was changed`);
    this.exitCode = exitCode;
  }
}

/**
 * Does what changes nothing, and so need not be brought to an end: a signal ends it at once, whether or not the work heeds
 * what it is given.
 * @throws Interrupted when a signal came
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = onInterrupt(() => {});
  try {
    return await within({ signal: interrupt.stop }, () => work(interrupt.stop));
  } catch (error) {
    throw interrupt.exitCode === undefined ? error : new Interrupted(interrupt.exitCode);
  } finally {
    interrupt.release();
  }
}

/** Whether something ended because it was told to. */
export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

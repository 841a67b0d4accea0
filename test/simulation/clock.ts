import { type Incarnation, trusted } from "../../src/api/names.ts";
import type { Clock } from "../../src/clock/clock.ts";
import { steady } from "../../src/clock/steady.ts";

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

/**
 * A clock that stands still while anything is to be done, and then goes on to the next timer at once. Everything that waits
 * for it waits for nothing else, so a run is over as soon as its work is, and the same each time.
 */
export class VirtualClock implements Clock {
  #now: number;
  #timers: Timer[] = [];
  #serial = 0;
  /** How far the clock of evenkeel's machine is ahead of time. */
  #ahead = 0;

  constructor(now = Date.UTC(2026, 10, 28, 12)) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  readonly sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.schedule(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      }, milliseconds);
      signal.addEventListener("abort", stop, { once: true });
    });

  readonly schedule = (action: () => void, milliseconds: number): (() => void) => {
    const timer: Timer = { at: this.#now + Math.max(0, milliseconds), fire: action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  };

  readonly nonce = (): string => `n${(this.#serial++).toString(36).padStart(17, "0")}`;

  readonly incarnation = (): Incarnation => trusted((this.#serial++).toString(36).padStart(8, "z"));

  /** Sets the clock of evenkeel's machine; hypervisors, and what waits for a duration, know nothing of it. */
  step(milliseconds: number): void {
    this.#ahead += milliseconds;
  }

  /** The clock of a process that starts now on evenkeel's machine. */
  ofProcess(): Clock {
    const { now, sleep, schedule, nonce, incarnation } = this;
    return { now: steady(() => now() + this.#ahead, now), sleep, schedule, nonce, incarnation };
  }

  /** Lets time pass until the work is done. */
  async until<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const watched = work.finally(() => (isDone = true));
    watched.catch(() => {});
    for (;;) {
      await idle();
      if (isDone) return await watched;
      const next = this.#timers.reduce<Timer | undefined>(
        (first, timer) => (first && first.at <= timer.at ? first : timer),
        undefined,
      );
      if (!next) throw new Error("nothing can happen any more, and the work is not done");
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
  }
}

/** Everything that can go on without the clock has. */
const idle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

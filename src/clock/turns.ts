/** Milliseconds of work after which everything else gets its turn: timers, signals, answers from elsewhere. */
const STRETCH = 10;

/**
 * Lets many pieces of work go on one after the other, and everything else in between. Without it, a thousand tenants that
 * have waited for the same look would all be worked on before anything else is.
 */
export class Turns {
  readonly #now: () => number;
  #waiting: (() => void)[] = [];
  #isServing = false;
  /** Since when nothing else could run; undefined when it just could. */
  #since: number | undefined;

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Resolves when it is this piece's turn. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isServing) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (this.#now() - (this.#since ??= this.#begin()) >= STRETCH) {
        await new Promise((resolve) => setImmediate(resolve));
        this.#since ??= this.#begin();
      }
      next();
      await Promise.resolve(); // the piece goes on before the time is looked at
    }
    this.#isServing = false;
  }

  #begin(): number {
    setImmediate(() => (this.#since = undefined));
    return this.#now();
  }
}

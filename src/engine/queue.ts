import type { Clock } from "../clock/clock.ts";

/** How one key came out of a pass, as far as the engine cares. */
export interface Settled<Key> {
  readonly key: Key;
  /** `done` as wished · `waiting` call again · `failed` call again, later each time · `stuck` calling again is no use */
  readonly state: "done" | "waiting" | "failed" | "stuck";
  /** Something will change by itself, and nobody will tell: call again from time to time. So it is when `waiting`. */
  readonly isMoving?: boolean;
  /** Whether something came of the call: then the next is sooner. */
  readonly hasProgress?: boolean;
  /** When to call again at the latest, milliseconds since the epoch. */
  readonly again: number | undefined;
  /** What failed, to tell whether it is always the same. */
  readonly failure: string | undefined;
}

/** Told what goes through a queue, in seconds: for metrics. */
export interface QueueWatch {
  added(): void;
  retried(): void;
  /** From when it was due until it was taken. */
  waited(seconds: number): void;
}

/** Waiting for something that changes by itself, in milliseconds: so long after something came of a call, and ever longer while nothing does. */
const POLL_MILLISECONDS = 300;
const POLL_GROWTH = 1.25;
const POLL_LIMIT_MILLISECONDS = 2_000;
/** After the first failure, in milliseconds; doubled each time up to the limit. */
const BACKOFF_MILLISECONDS = 500;
const BACKOFF_LIMIT_MILLISECONDS = 30_000;

interface Failing {
  readonly failure: string | undefined;
  /** In a row, and the same. */
  readonly times: number;
}

/**
 * Who is to be called, and when: each key once, at its earliest time. All that are due are taken together, so that they
 * share what they need and none is served twice before another is served once. Knows no kinds, tenants or hypervisors.
 */
export class WorkQueue<Key> {
  readonly #clock: Clock;
  readonly #watch: QueueWatch | undefined;
  readonly #due = new Map<Key, number>();
  readonly #failing = new Map<Key, Failing>();
  /** How often in a row each was called in vain. */
  readonly #polls = new Map<Key, number>();
  #everyone: number | undefined;
  #wake = new AbortController();

  constructor(clock: Clock, watch?: QueueWatch) {
    this.#clock = clock;
    this.#watch = watch;
  }

  /** Calls a key at a time, milliseconds since the epoch; now, when left out. One that is due earlier stays so. */
  add(key: Key, at = this.#clock.now()): void {
    const before = this.#due.get(key);
    if (before === undefined) this.#watch?.added();
    this.#due.set(key, Math.min(at, before ?? at));
    this.#wake.abort();
  }

  /** Calls everyone, also those that no key is known of yet. */
  addEveryone(at = this.#clock.now()): void {
    this.#everyone = Math.min(at, this.#everyone ?? at);
    this.#wake.abort();
  }

  /** Keys that wait for their time. */
  get depth(): number {
    return this.#due.size;
  }

  /** When the next is due, milliseconds since the epoch; undefined when nobody is. */
  get next(): number | undefined {
    const times = [...this.#due.values(), ...(this.#everyone === undefined ? [] : [this.#everyone])];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Takes all that are due; undefined when nobody is. */
  take(): readonly Key[] | "everyone" | undefined {
    const now = this.#clock.now();
    const isForEveryone = this.#everyone !== undefined && this.#everyone <= now;
    const keys = [...this.#due].filter(([, at]) => isForEveryone || at <= now);
    for (const [key, at] of keys) {
      this.#due.delete(key);
      if (at <= now) this.#watch?.waited((now - at) / 1000);
    }
    if (!isForEveryone) return keys.length > 0 ? keys.map(([key]) => key) : undefined;
    this.#everyone = undefined;
    return "everyone";
  }

  /** Notes how a key came out, and calls it again when that makes sense. */
  settle({ key, state, isMoving, hasProgress = false, again, failure }: Settled<Key>): void {
    const now = this.#clock.now();
    if (state === "failed") {
      const before = this.#failing.get(key);
      const times = before?.failure === failure ? (before?.times ?? 0) + 1 : 1;
      this.#failing.set(key, { failure, times });
      this.#watch?.retried();
      this.add(key, now + Math.min(BACKOFF_MILLISECONDS * 2 ** (times - 1), BACKOFF_LIMIT_MILLISECONDS));
      return;
    }
    this.#failing.delete(key);
    const isPolled = state === "waiting" || isMoving === true;
    const polls = isPolled && !hasProgress ? (this.#polls.get(key) ?? 0) + 1 : 0;
    if (polls > 0) this.#polls.set(key, polls);
    else this.#polls.delete(key);
    const poll = Math.min(POLL_MILLISECONDS * POLL_GROWTH ** polls, POLL_LIMIT_MILLISECONDS);
    const next = isPolled ? Math.min(again ?? Infinity, now + poll) : again;
    if (next !== undefined) this.add(key, Math.max(now + POLL_MILLISECONDS, next));
  }

  /** How often in a row a key failed with the same failure. */
  sameFailures(key: Key): number {
    return this.#failing.get(key)?.times ?? 0;
  }

  /** Takes a key out: it is not called again by what was noted so far. */
  forget(key: Key): void {
    this.#due.delete(key);
    this.#failing.delete(key);
    this.#polls.delete(key);
  }

  /** Waits until the next is due, something is added, or the signal comes. */
  async wait(signal: AbortSignal): Promise<void> {
    const { next } = this;
    const milliseconds = next === undefined ? LONG : Math.max(0, next - this.#clock.now());
    const wake = new AbortController();
    this.#wake = wake;
    // Not AbortSignal.any: the signal lives as long as the process, and would keep something of each wait.
    const stop = (): void => wake.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    await this.#clock.sleep(Math.min(milliseconds, LONG), wake.signal).catch(() => {});
    signal.removeEventListener("abort", stop);
  }
}

/** As long as a timer may run that somebody else ends, in milliseconds. */
const LONG = 3_600_000;

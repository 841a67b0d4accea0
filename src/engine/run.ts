import type { Clock } from "../clock/clock.ts";

/** How one key came out of a pass, as far as the engine cares. */
export interface Settled<Key> {
  readonly key: Key;
  /** `done` as wished · `waiting` call again · `failed` call again, later each time · `stuck` calling again is no use */
  readonly state: "done" | "waiting" | "failed" | "stuck";
  /** When to call again, milliseconds since the epoch. */
  readonly again: number | undefined;
  /** What failed, to tell whether it is always the same. */
  readonly failure: string | undefined;
}

export interface RunOptions<Key> {
  /** One pass over the given keys, or over all there are. */
  readonly pass: (keys: readonly Key[] | undefined) => Promise<readonly Settled<Key>[]>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Ends when everything is done or stuck; the daemon goes on for ever. */
  readonly continuous: false;
  /** Milliseconds since the epoch after which no further pass begins. */
  readonly deadline: number;
}

export type Ending = "done" | "stuck" | "timeout" | "aborted";

/** A failure that stays the same this often is somebody else's to mend. */
const SAME_FAILURES = 4;
/** Waiting for something that changes by itself. */
const POLL_MILLISECONDS = 300;
/** After the first failure; doubled each time up to the limit. */
const BACKOFF_MILLISECONDS = 500;
const BACKOFF_LIMIT_MILLISECONDS = 30_000;

/**
 * Passes, until every key is done or stuck. Knows no kinds, tenants or hypervisors: the daemon and `--once` are this one
 * loop, and differ in whether it ends.
 */
export async function run<Key>({ pass, clock, signal, deadline }: RunOptions<Key>): Promise<Ending> {
  const failures = new Map<Key, { message: string | undefined; times: number }>();
  let keys: readonly Key[] | undefined;
  for (;;) {
    const results = await pass(keys);
    for (const { key, state, failure } of results) {
      const before = failures.get(key);
      if (state !== "failed") failures.delete(key);
      else
        failures.set(key, {
          message: failure,
          times: before?.message === failure ? (before?.times ?? 0) + 1 : 1,
        });
    }
    const given = ({ key, state }: Settled<Key>): boolean =>
      state === "stuck" || (failures.get(key)?.times ?? 0) >= SAME_FAILURES;
    const open = results.filter((result) => result.state !== "done" && !given(result));
    if (open.length === 0) return results.every(({ state }) => state === "done") ? "done" : "stuck";
    if (signal.aborted) return "aborted";

    const now = clock.now();
    const times = Math.max(...open.map(({ key }) => failures.get(key)?.times ?? 0));
    const backoff = Math.min(BACKOFF_MILLISECONDS * 2 ** (times - 1), BACKOFF_LIMIT_MILLISECONDS);
    const soonest = Math.min(...open.map(({ again }) => again ?? Number.POSITIVE_INFINITY));
    const wake =
      times > 0 ? now + backoff : Math.max(now + POLL_MILLISECONDS, Math.min(soonest, now + 5_000));
    if (wake > deadline) return "timeout";
    await clock.sleep(wake - now, signal).catch(() => {});
    keys = results.filter((result) => result.state !== "done").map(({ key }) => key);
  }
}

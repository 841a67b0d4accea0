import type { Clock } from "../clock/clock.ts";
import type { Settled, WorkQueue } from "./queue.ts";

export interface RunOptions<Key> {
  /** One pass over the given keys, or over all there are. */
  readonly pass: (keys: readonly Key[] | undefined) => Promise<readonly Settled<Key>[]>;
  readonly queue: WorkQueue<Key>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Goes on until the signal comes; else it ends when everything is done or stuck. */
  readonly continuous: boolean;
  /** Milliseconds since the epoch after which no further pass begins; never, when left out. */
  readonly deadline?: number;
}

export type Ending = "done" | "stuck" | "timeout" | "aborted";

/** A failure that stays the same this often is somebody else's to mend. */
const SAME_FAILURES = 4;

/**
 * Passes, as the queue asks for them. Knows no kinds, tenants or hypervisors: the daemon and `--once` are this one loop,
 * and differ in whether it ends.
 */
export async function run<Key>(options: RunOptions<Key>): Promise<Ending> {
  const { pass, queue, clock, signal, continuous, deadline = Infinity } = options;
  const states = new Map<Key, Settled<Key>["state"]>();
  for (;;) {
    const keys = queue.take();
    if (keys !== undefined)
      for (const result of await pass(keys === "everyone" ? undefined : keys)) {
        queue.settle(result);
        if (continuous) continue;
        const isGivenUp = result.state === "failed" && queue.sameFailures(result.key) >= SAME_FAILURES;
        states.set(result.key, isGivenUp ? "stuck" : result.state);
        if (isGivenUp || result.state === "done" || result.state === "stuck") queue.forget(result.key);
      }
    if (signal.aborted && (continuous || queue.next !== undefined)) return "aborted";
    const { next } = queue;
    if (next === undefined && !continuous)
      return [...states.values()].every((state) => state === "done") ? "done" : "stuck";
    if (next !== undefined && next > deadline) return "timeout";
    if (next === undefined || next > clock.now()) await queue.wait(signal);
  }
}

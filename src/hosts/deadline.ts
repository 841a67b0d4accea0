import { setMaxListeners } from "node:events";

/** Work was given up: its time was over, or its caller no longer wants it. */
export class GivenUp extends Error {
  override readonly name = "GivenUp";
}

/** When to give up: after so many seconds (never, when left out), or on the caller's signal. */
export interface Limits {
  readonly seconds?: number;
  readonly signal?: AbortSignal;
}

/**
 * Settles as `work` does, or rejects with {@link GivenUp} as soon as a limit is reached, whether or not the work reacts
 * to the `stop` signal it is given: a peer that has gone silent must not be able to hold its caller.
 * The timer does not keep the process alive.
 */
export async function within<T>(limits: Limits, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const { seconds, signal } = limits;
  const timeout = seconds === undefined ? undefined : AbortSignal.timeout(seconds * 1000);
  const stop = new AbortController();
  const onTimeout = () => stop.abort(new GivenUp(`no answer in ${seconds} s`));
  const onAbort = () => stop.abort(new GivenUp("called off", { cause: signal?.reason }));

  const stopped = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason), { once: true });
  });
  // Any number of calls may hang on one pass's signal; each takes its listener away again, so Node need not warn.
  if (signal !== undefined) setMaxListeners(0, signal);
  timeout?.addEventListener("abort", onTimeout, { once: true });
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();

  try {
    return await Promise.race([stopped, stop.signal.aborted ? stopped : work(stop.signal)]);
  } finally {
    // A caller's signal lives as long as its pass: listeners left on it would pile up.
    timeout?.removeEventListener("abort", onTimeout);
    signal?.removeEventListener("abort", onAbort);
  }
}

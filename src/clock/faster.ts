import type { Clock } from "./clock.ts";

/** A clock that runs so many times faster than another one, from now on. Chance is the other's. */
export function faster(clock: Clock, times: number): Clock {
  const began = clock.now();
  return {
    ...clock,
    now: () => Math.floor(began + (clock.now() - began) * times),
    sleep: (milliseconds, signal) => clock.sleep(milliseconds / times, signal),
    schedule: (action, milliseconds) => clock.schedule(action, milliseconds / times),
  };
}

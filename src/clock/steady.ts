/** How much faster or slower than time a steady clock may go: chrony's default for a clock that is set right slowly. */
const SLEW = 1 / 12;

/**
 * Milliseconds since the epoch, by a clock that nobody can set: it begins at the wall clock's time, goes on with what passes,
 * and comes to follow a wall clock that was set no faster than a twelfth of that. So a wait of 12 s never ends before 11 s,
 * and nothing is ever earlier than what was before it.
 *
 * @param wall milliseconds since the epoch, as the machine's clock is set now
 * @param passed milliseconds since some beginning, which nobody sets
 */
export function steady(wall: () => number, passed: () => number): () => number {
  let time = wall();
  let last = passed();
  return () => {
    const elapsed = passed() - last;
    last += elapsed;
    time += elapsed;
    const behind = wall() - time;
    time += Math.sign(behind) * Math.min(Math.abs(behind), elapsed * SLEW);
    return Math.round(time);
  };
}

import { labelled } from "../autoscale/explain.ts";
import { sentence } from "../autoscale/sentence.ts";
import type { KeptDecision } from "../history/decisions.ts";
import { age } from "./duration.ts";
import { printable, wrap } from "./problems.ts";
import { timeSeenFrom } from "./time-of-day.ts";

const text = (lines: readonly string[]): string => lines.map((line) => `${printable(line)}\n`).join("");

/** A decision as it is explained, and when it was made. */
export function describeDecision(
  { time, first, count }: Pick<KeptDecision, "time" | "first" | "count">,
  lines: readonly string[],
  now: number,
): string {
  const clock = timeSeenFrom(now);
  const again = count === 1 ? "" : `; the same ${count} times since ${clock(first)}`;
  return text([...lines, ...labelled("Decided:", `at ${clock(time)}, ${age(now - time)} ago${again}`)]);
}

/** Changes of a count, given the newest first, as lines with the newest last. */
export function describeChanges(changes: readonly KeptDecision[], now: number): string {
  if (changes.length === 0) return "No change of its count is written down.\n";
  const clock = timeSeenFrom(now);
  return changes
    .toReversed()
    .map(({ data }) => {
      const { current, desired, placements } = data.trace;
      const where = placements
        .slice(0, Math.max(desired - current, 0))
        .flatMap(({ hypervisor }) => hypervisor ?? []);
      const on = where.length === 0 ? "" : ` On ${where.join(", ")}.`;
      return `${wrap(printable(sentence(data, clock) + on))}\n`;
    })
    .join("");
}

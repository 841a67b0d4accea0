import type { Kept } from "../history/record.ts";
import { age } from "./duration.ts";
import { printable, wrap } from "./problems.ts";
import { timeSeenFrom } from "./time-of-day.ts";

/** Events as lines: when and how long ago, of what type, why, to what, and what it was. */
export function describeEvents(
  records: readonly Kept[],
  {
    namespace,
    now,
    width,
  }: { readonly namespace: string | undefined; readonly now: number; readonly width?: number },
): string {
  if (records.length === 0) return "No events found.\n";
  const clockTime = timeSeenFrom(now);
  const widest = Math.max(...records.map(({ reason }) => reason.length));
  return records
    .map(({ time, first, count, type, reason, object, message }) => {
      const when = `${clockTime(time)} ${age(now - time).padEnd(4)}`;
      const what = namespace === undefined ? object : object.replace(`/${namespace}/`, "/");
      const times = count === 1 ? "" : ` (${count} times since ${clockTime(first)})`;
      const line = `${when} ${type.padEnd(7)} ${reason.padEnd(widest)} ${what} ${message}${times}`;
      return `${wrap(printable(line), "  ", width)}\n`;
    })
    .join("");
}

import type { Kept } from "../history/record.ts";
import { age } from "./duration.ts";
import { printable, wrap } from "./problems.ts";

const DAY_MILLISECONDS = 86_400_000;

const pad = (number: number): string => String(number).padStart(2, "0");

/** `14:20:31` by this machine's clock; with its day when that is another one, as far as an age tells. */
function clockTime(time: number, now: number): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
  if (now - time < DAY_MILLISECONDS) return clock;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock}`;
}

/** Events as lines: when and how long ago, of what type, why, to what, and what it was. */
export function describeEvents(
  records: readonly Kept[],
  { namespace, now }: { readonly namespace: string | undefined; readonly now: number },
): string {
  if (records.length === 0) return "No events found.\n";
  const widest = Math.max(...records.map(({ reason }) => reason.length));
  return records
    .map(({ time, first, count, type, reason, object, message }) => {
      const when = `${clockTime(time, now)} ${age(now - time).padEnd(4)}`;
      const what = namespace === undefined ? object : object.replace(`/${namespace}/`, "/");
      const times = count === 1 ? "" : ` (${count} times since ${clockTime(first, now)})`;
      const line = `${when} ${type.padEnd(7)} ${reason.padEnd(widest)} ${what} ${message}${times}`;
      return `${wrap(printable(line))}\n`;
    })
    .join("");
}

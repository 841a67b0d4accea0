import { EvenkeelError } from "../api/errors.ts";
import { parseDuration } from "./duration.ts";

const fix = "give it as 18:00, 2h or 2026-12-01T18:00:00Z";

/**
 * Reads when something is to end: `18:00` by this machine's clock, today or else tomorrow, `2h` from now, or a time with
 * its zone. As a manifest holds it, in UTC to the second.
 * @param now milliseconds since the epoch
 * @throws EvenkeelError EK-USAGE when it is none, or is over
 */
export function parseUntil(text: string, now: number): string {
  const time = read(text, now);
  if (time === undefined || Number.isNaN(time))
    throw new EvenkeelError("EK-USAGE", `${JSON.stringify(text)} is no time`, { fix });
  if (time <= now) throw new EvenkeelError("EK-USAGE", `${text} is over already`, { fix });
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

function read(text: string, now: number): number | undefined {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return now + seconds * 1000;
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hour !== undefined && minute !== undefined) {
    const today = new Date(now);
    today.setHours(Number(hour), Number(minute), 0, 0);
    if (today.getTime() <= now) today.setDate(today.getDate() + 1);
    return today.getTime();
  }
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : undefined;
}

import { EvenkeelError } from "../api/errors.ts";

/**
 * Reads a moment that is over: `13:41` or `13:41:20` by this machine's clock, the last time that it was so, or a time with
 * its zone.
 * @param now milliseconds since the epoch
 * @throws EvenkeelError EK-USAGE when it is none
 */
export function parseMoment(text: string, now: number): number {
  const [, hour, minute, second = "00"] = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hour !== undefined && minute !== undefined) {
    const day = new Date(now);
    day.setHours(Number(hour), Number(minute), Number(second), 999);
    if (day.getTime() - 999 > now) day.setDate(day.getDate() - 1);
    return day.getTime();
  }
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const time = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new EvenkeelError("EK-USAGE", `${JSON.stringify(text)} is no time`, {
      fix: "give it as 13:41, 13:41:20 or 2026-12-01T13:41:00Z",
    });
  return time;
}

/** Seconds in each unit of a duration. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Longer than any run should take; the timers of the platform end at 24 days. */
const LONGEST = 7 * 24 * 3600;

/** Reads `30s`, `10m`, `1h` or `1h30m` as seconds; undefined when it is none, or none that a run can have. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,6}[hms])+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+)([hms])/g)];
  const seconds = parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (UNITS[unit] ?? 0), 0);
  return seconds >= 1 && seconds <= LONGEST ? seconds : undefined;
}

/** `4.1 s`, `34 s`, `2 m 5 s`: what something took. */
export function took(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} m ${whole % 60} s`;
}

/** `5s`, `3m`, `2h`, `9d`: an age as kubectl writes it, without spaces. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

const DAY_MILLISECONDS = 86_400_000;

const pad = (number: number): string => String(number).padStart(2, "0");

/** `14:20:31` by this machine's clock. */
export function timeOfDay(milliseconds: number): string {
  const date = new Date(milliseconds);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
}

/** The same, with its day when that is another one, as far as an age tells. */
export function timeSeenFrom(now: number): (milliseconds: number) => string {
  return (milliseconds) => {
    const date = new Date(milliseconds);
    const clock = timeOfDay(milliseconds);
    if (Math.abs(now - milliseconds) < DAY_MILLISECONDS) return clock;
    return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock}`;
  };
}

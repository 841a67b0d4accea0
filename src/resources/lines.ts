/** Whether two lists have the same lines in the same order. */
export const same = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((line, index) => line === b[index]));

/** How two lists of lines differ, in few words. */
export function difference(desired: readonly string[], observed: readonly string[]): string {
  const missing = desired.filter((line) => !observed.includes(line)).length;
  const surplus = observed.filter((line) => !desired.includes(line)).length;
  if (missing + surplus === 0) return "in another order";
  return [missing > 0 ? `${missing} missing` : "", surplus > 0 ? `${surplus} too many` : ""]
    .filter(Boolean)
    .join(", ");
}

/** Order by code units: the same on every machine, whatever its language. */
export const byText = (a: string, b: string): number => {
  if (a === b) return 0;
  return a < b ? -1 : 1;
};

/** Order by a text that is made of each. */
export const by =
  <T>(text: (item: T) => string) =>
  (a: T, b: T): number =>
    byText(text(a), text(b));

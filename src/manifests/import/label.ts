/** The nearest DNS label of at most 32 characters; empty when there is no letter or digit in the text. */
export const labelOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, 32)
    .replace(/-$/, "");

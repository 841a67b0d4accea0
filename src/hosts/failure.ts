/** A property of a value from outside, whatever that is: libraries mark their errors by `code`, `level`, `statusCode`. */
export const property = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** What something thrown says of itself. */
export const message = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message.trim() : String(thrown);

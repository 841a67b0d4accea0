/**
 * `Object.keys` and `Object.entries` that keep the type of the keys. TypeScript widens them to `string`, because a value may
 * have more keys than its type says; records that are built from branded names have none.
 */
/* oxlint-disable typescript/no-unsafe-type-assertion */
export const keysOf = <Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] =>
  Object.keys(record) as Key[];

export const entriesOf = <Key extends string, Value>(record: Readonly<Record<Key, Value>>): [Key, Value][] =>
  Object.entries(record) as [Key, Value][];

import type { TableFact } from "../facts/facts.ts";
import { canonicalRule } from "../facts/rules.ts";

/** A table as it is written: policies of built-in chains, own chains, rules. */
export interface Table {
  readonly name: string;
  /** Built-in chains with a policy, own chains with `-`. */
  readonly chains: Readonly<Record<string, string>>;
  readonly rules: readonly string[];
}

/** The same in the form that is compared. */
export const canonicalTable = ({ chains, rules }: Table): TableFact => ({
  chains,
  rules: rules.map(canonicalRule),
});

/** Lines of a restore file: it replaces the table in one transaction. */
export const restoreLines = ({ name, chains, rules }: Table): string[] => [
  `*${name}`,
  ...Object.entries(chains).map(([chain, policy]) => `:${chain} ${policy} [0:0]`),
  ...rules,
  "COMMIT",
];

const sameChains = (a: TableFact["chains"], b: TableFact["chains"]): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([chain, policy]) => b[chain] === policy);

/** The order of chains among each other does not matter (saves sort them), the order inside a chain does. */
const byChain = (rules: readonly string[]): string =>
  rules
    .map((rule, index) => [rule.split(" ")[1] ?? "", index, rule] as const)
    .toSorted(([a, i], [b, j]) => (a === b ? i - j : a < b ? -1 : 1))
    .map(([, , rule]) => rule)
    .join("\n");

/** Whether two tables do the same. */
export const sameTable = (a: TableFact | undefined, b: TableFact | undefined): boolean =>
  a !== undefined &&
  b !== undefined &&
  sameChains(a.chains, b.chains) &&
  byChain(a.rules) === byChain(b.rules);

const rules = (count: number): string => `${count} ${count === 1 ? "rule" : "rules"}`;

/** How two tables differ, in one sentence for the plan. */
export function tableDifference(desired: TableFact | undefined, observed: TableFact | undefined): string {
  if (desired === undefined || observed === undefined) return "the table is empty";
  const missing = desired.rules.filter((rule) => !observed.rules.includes(rule)).length;
  const foreign = observed.rules.filter((rule) => !desired.rules.includes(rule)).length;
  if (missing === 0 && foreign === 0) return "policy or order of rules is not as written";
  return [missing > 0 ? `${rules(missing)} missing` : "", foreign > 0 ? `${rules(foreign)} not ours` : ""]
    .filter(Boolean)
    .join(", ");
}

/** A table that nobody has written to is not saved at all, or with empty built-in chains: both mean the same. */
export const emptyTable = (chains: Readonly<Record<string, string>>): TableFact => ({ chains, rules: [] });

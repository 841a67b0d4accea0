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

/** A built-in chain that accepts is the same as one that nobody has made yet. */
const namedChains = ({ chains }: TableFact): string =>
  Object.entries(chains)
    .filter(([, policy]) => policy !== "ACCEPT")
    .map((entry) => entry.join(" "))
    .toSorted()
    .join("\n");

/** The order of chains among each other does not matter (saves sort them), the order inside a chain does. */
const byChain = (rules: readonly string[]): string =>
  rules
    .map((rule, index) => [rule.split(" ")[1] ?? "", index, rule] as const)
    .toSorted(([a, i], [b, j]) => (a === b ? i - j : a < b ? -1 : 1))
    .map(([, , rule]) => rule)
    .join("\n");

/** What a table is that was never written to: it is not saved at all, or with some of its built-in chains. */
export const UNWRITTEN: TableFact = { chains: {}, rules: [] };

/** Whether two tables do the same. */
export const sameTable = (a: TableFact = UNWRITTEN, b: TableFact = UNWRITTEN): boolean =>
  namedChains(a) === namedChains(b) && byChain(a.rules) === byChain(b.rules);

const rules = (count: number): string => `${count} ${count === 1 ? "rule" : "rules"}`;

/** How two tables differ, in one sentence for the plan. */
export function tableDifference(desired: TableFact = UNWRITTEN, observed: TableFact | undefined): string {
  if (observed === undefined) return "the table is empty";
  const missing = desired.rules.filter((rule) => !observed.rules.includes(rule)).length;
  const foreign = observed.rules.filter((rule) => !desired.rules.includes(rule)).length;
  if (missing === 0 && foreign === 0) return "policy or order of rules is not as written";
  return [missing > 0 ? `${rules(missing)} missing` : "", foreign > 0 ? `${rules(foreign)} not ours` : ""]
    .filter(Boolean)
    .join(", ");
}

/** A table without a rule, to write over one that is to have none. */
export const emptyTable = (name: string, chains: readonly string[]): Table => ({
  name,
  chains: Object.fromEntries(chains.map((chain) => [chain, "ACCEPT"])),
  rules: [],
});

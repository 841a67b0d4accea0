import type { TableFact } from "../facts/facts.ts";
import { canonicalRule } from "../facts/rules.ts";
import type { Space } from "./machine.ts";
import { Refused } from "./refused.ts";

/** Tables by name, as one of the three tools keeps them. */
type Tables = Record<string, TableFact>;

/** What a restore of whole tables leaves: each is replaced in one transaction, and only when all of it can be read. */
export function restore(tables: Tables, lines: readonly string[]): Tables {
  const after = { ...tables };
  let name = "";
  let chains: Record<string, string> = {};
  let rules: string[] = [];
  const keep = (): void => {
    if (name !== "") after[name] = { chains, rules: rules.map(canonicalRule), printed: rules };
  };
  for (const line of lines) {
    if (line.startsWith("*")) {
      keep();
      [name, chains, rules] = [line.slice(1), {}, []];
    } else if (line.startsWith(":")) {
      const [chain = "", policy = "-"] = line.slice(1).split(" ");
      chains[chain] = policy;
    } else if (line.startsWith("-A")) rules.push(line);
  }
  keep();
  return after;
}

const BUILT_IN = { INPUT: "ACCEPT", FORWARD: "ACCEPT", OUTPUT: "ACCEPT" };

/** The hypervisor's own filter table, made where nobody has. */
const ownFilter = (space: Space): TableFact =>
  space.ipv4["filter"] ?? { chains: BUILT_IN, rules: [], printed: [] };

function keepFilter(space: Space, chains: TableFact["chains"], printed: readonly string[]): void {
  space.ipv4 = { ...space.ipv4, filter: { chains, rules: printed.map(canonicalRule), printed } };
}

/**
 * `iptables-restore --noflush`: rules are added and deleted, all or none.
 * @throws Refused
 */
export function restoreNoFlush(space: Space, lines: readonly string[]): void {
  const { chains, printed = [] } = ownFilter(space);
  let left = [...printed];
  for (const line of lines) {
    const chain = line.split(" ")[1] ?? "";
    if (/^-[AD]/.test(line) && chains[chain] === undefined)
      throw new Refused(`iptables-restore: No chain/target/match by that name: ${chain}`);
    if (line.startsWith("-A")) left.push(line);
    if (!line.startsWith("-D")) continue;
    const rule = canonicalRule(line.replace(/^-D/, "-A"));
    const at = left.findIndex((one) => canonicalRule(one) === rule);
    if (at === -1)
      throw new Refused("iptables-restore: Bad rule (does a matching rule exist in that chain?)");
    left = left.toSpliced(at, 1);
  }
  keepFilter(space, chains, left);
}

/** A chain of ours and the jump to it at the head of a hook, each made where it is missing. */
export function hostChain(space: Space, chain: string, hook: string): void {
  const { chains, printed = [] } = ownFilter(space);
  const jump = `-A ${hook} -j ${chain}`;
  keepFilter(space, { ...chains, [chain]: "-" }, printed.includes(jump) ? printed : [jump, ...printed]);
}

/** Takes a chain of ours and its jumps away, unless somebody's rules are still in it. */
export function removeHostChain(space: Space, chain: string): void {
  const { chains, printed = [] } = ownFilter(space);
  if (printed.some((rule) => rule.startsWith(`-A ${chain} `))) return;
  if (chains[chain] === undefined) throw new Refused(`iptables: No chain/target/match by that name.`);
  const { [chain]: _, ...others } = chains;
  keepFilter(
    space,
    others,
    printed.filter((rule) => !rule.endsWith(` -j ${chain}`)),
  );
}

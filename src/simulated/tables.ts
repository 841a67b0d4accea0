import type { TableFact } from "../facts/facts.ts";
import { canonicalRule } from "../facts/rules.ts";
import type { Space } from "./parts.ts";
import { Refused } from "./refused.ts";

/**
 * What a restore of whole tables does: each is replaced in one transaction when its closing line is read, and of one that
 * has none nothing is. ebtables knows no closing line.
 * @throws Refused
 */
export function restore(space: Space, family: "ipv4" | "ipv6" | "bridge", lines: readonly string[]): void {
  let open: { readonly name: string; chains: Record<string, string>; printed: string[] } | undefined;
  const commit = (): void => {
    if (open === undefined) return;
    const { name, chains, printed } = open;
    const { [name]: _, ...others } = space[family];
    const table = { chains, rules: printed.map(canonicalRule), printed };
    // One without a chain is one that nobody has made.
    space[family] = Object.keys(chains).length === 0 ? others : { ...others, [name]: table };
    open = undefined;
  };
  for (const line of lines) {
    if (line.startsWith("*")) {
      commit();
      open = { name: line.slice(1), chains: {}, printed: [] };
    } else if (line.startsWith(":")) {
      const [chain = "", policy = "-"] = line.slice(1).split(" ");
      const builtIn = family === "bridge" && open ? OF_BRIDGES[open.name] : {};
      if (open) open.chains = { ...builtIn, ...open.chains, [chain]: policy };
    } else if (line.startsWith("-A")) open?.printed.push(line);
    else if (line === "COMMIT") commit();
  }
  if (open && family !== "bridge") throw new Refused("COMMIT expected");
  commit();
}

/** ebtables makes all built-in chains of a table with the first that is named. */
const OF_BRIDGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  filter: { INPUT: "ACCEPT", FORWARD: "ACCEPT", OUTPUT: "ACCEPT" },
  nat: { PREROUTING: "ACCEPT", OUTPUT: "ACCEPT", POSTROUTING: "ACCEPT" },
};

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
  if (lines.at(-1) !== "COMMIT") throw new Refused("iptables-restore: COMMIT expected");
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

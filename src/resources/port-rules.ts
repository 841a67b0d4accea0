import type { TableFact } from "../facts/facts.ts";
import { namespaceOf, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";
import { canonicalTable, emptyTable, sameTable, type Table, tableDifference, UNWRITTEN } from "./tables.ts";

/** What each replica's port may send: its own MAC and addresses, nothing else. In ebtables, before the bridge's own lock. */
export interface PortRulesState {
  readonly table: TableFact;
  readonly restore?: Table;
  /** Names of other tables in which something stands, where nothing belongs; only of an observed state. */
  readonly foreign?: readonly string[];
}

export const portRulesState = (restore: Table): PortRulesState => ({
  table: canonicalTable(restore),
  restore,
});

/** The tables of ebtables in which nothing belongs, by name; what does not know broute never shows it. */
const UNUSED = new Map(
  [emptyTable("filter", ["INPUT", "FORWARD", "OUTPUT"]), emptyTable("broute", ["BROUTING"])].map(
    (table) => [table.name, table] as const,
  ),
);

/** The lines of a restore file of ebtables, which knows no counters and no closing line. */
const restoreLines = ({ name, chains, rules }: Table): string[] => [
  `*${name}`,
  ...Object.entries(chains).map(([chain, policy]) => `:${chain} ${policy}`),
  ...rules,
];

export const portRules = kind<PortRulesState>({
  name: "port-rules",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { bridge }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      const table = bridge["nat"] ?? UNWRITTEN;
      const foreign = [...UNUSED.keys()].filter((name) => !sameTable(undefined, bridge[name]));
      if (tenant && (table.rules.length > 0 || foreign.length > 0))
        yield { kind: "port-rules", hypervisor, tenant, name: tenant, state: { table, foreign } };
    }
  },

  change({ place, desired, observed, fleet }) {
    if (!desired?.restore) return undefined; // they go with the namespace
    const wrong = !sameTable(desired.table, observed?.table);
    const foreign = observed?.foreign ?? [];
    if (!wrong && foreign.length === 0) return undefined;
    const tables = [
      ...(wrong ? [desired.restore] : []),
      ...foreign.flatMap((name) => UNUSED.get(name) ?? []),
    ];
    return {
      verb: observed ? "change" : "add",
      reason: observed
        ? [
            ...(wrong ? [tableDifference(desired.table, observed.table)] : []),
            ...foreign.map((name) => `${name}: something that is not ours`),
          ].join("; ")
        : "a port passes its own addresses alone",
      disruption: "none",
      operations: [
        {
          phase: "police",
          tool: "ebtables",
          namespace: namespaceOf(fleet, place.tenant),
          lines: tables.flatMap(restoreLines),
        },
      ],
    };
  },
});

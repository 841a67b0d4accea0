import type { TableFact } from "../facts/facts.ts";
import { namespaceOf, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";
import { canonicalTable, emptyTable, sameTable, type Table, tableDifference } from "./tables.ts";

/** What each replica's port may send: its own MAC and addresses, nothing else. In ebtables, before the bridge's own lock. */
export interface PortRulesState {
  readonly table: TableFact;
  readonly restore?: Table;
}

export const portRulesState = (restore: Table): PortRulesState => ({
  table: canonicalTable(restore),
  restore,
});

const EMPTY = emptyTable({ PREROUTING: "ACCEPT", OUTPUT: "ACCEPT", POSTROUTING: "ACCEPT" });

export const portRules = kind<PortRulesState>({
  name: "port-rules",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { bridge }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      const table = bridge["nat"];
      if (tenant && table && table.rules.length > 0)
        yield { kind: "port-rules", hypervisor, tenant, name: tenant, state: { table } };
    }
  },

  change({ place, desired, observed, fleet }) {
    if (!desired?.restore || sameTable(desired.table, observed?.table ?? EMPTY)) return undefined;
    const { chains, rules } = desired.restore;
    return {
      verb: observed ? "change" : "add",
      reason: observed
        ? tableDifference(desired.table, observed.table)
        : "a port passes its own addresses alone",
      disruption: "none",
      operations: [
        {
          phase: "police",
          tool: "ebtables",
          namespace: namespaceOf(fleet, place.tenant),
          lines: [
            "*nat",
            ...Object.entries(chains).map(([chain, policy]) => `:${chain} ${policy}`),
            ...rules,
          ],
        },
      ],
    };
  },
});

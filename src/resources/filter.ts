import type { TableFact } from "../facts/facts.ts";
import { namespaceOf, tenantOf } from "./marks.ts";
import type { ScriptOperation } from "./operation.ts";
import { kind } from "./resource.ts";
import {
  canonicalTable,
  emptyTable,
  restoreLines,
  sameTable,
  type Table,
  tableDifference,
} from "./tables.ts";

/**
 * Default deny in both families, and what is let through; IPv6 is off, and denied besides. The namespace is the tenant's
 * alone, so that nothing belongs into the tables of which nothing is wanted either: all but the balancer's IPv4 nat.
 */
export interface FilterState {
  readonly ipv4: Readonly<Record<string, TableFact>>;
  readonly ipv6: Readonly<Record<string, TableFact>>;
  /** What to restore; only of a desired state. */
  readonly restore?: { readonly ipv4: readonly Table[]; readonly ipv6: readonly Table[] };
}

const MANGLE = emptyTable("mangle", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]);
const RAW = emptyTable("raw", ["PREROUTING", "OUTPUT"]);
const SECURITY = emptyTable("security", ["INPUT", "FORWARD", "OUTPUT"]);
const NAT = emptyTable("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]);
const UNUSED_IPV4 = [MANGLE, RAW, SECURITY];
const UNUSED_IPV6 = [...UNUSED_IPV4, NAT];

const canonical = (tables: readonly Table[]): Record<string, TableFact> =>
  Object.fromEntries(tables.map((table) => [table.name, canonicalTable(table)]));

const withUnused = (unused: readonly Table[], written: readonly Table[]): Table[] => [
  ...unused.filter(({ name }) => !written.some((table) => table.name === name)),
  ...written,
];

/** The state of a filter from its tables as written. */
export function filterState(ipv4: readonly Table[], ipv6: readonly Table[]): FilterState {
  const restore = { ipv4: withUnused(UNUSED_IPV4, ipv4), ipv6: withUnused(UNUSED_IPV6, ipv6) };
  return { ipv4: canonical(restore.ipv4), ipv6: canonical(restore.ipv6), restore };
}

const differing = (
  desired: Readonly<Record<string, TableFact>>,
  observed: Readonly<Record<string, TableFact>>,
): string[] => Object.keys(desired).filter((name) => !sameTable(desired[name], observed[name]));

export const filter = kind<FilterState>({
  name: "filter",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { ipv4, ipv6 }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (tenant && (ipv4["filter"] || ipv6["filter"]))
        yield {
          kind: "filter",
          hypervisor,
          tenant,
          name: tenant,
          state: { ipv4, ipv6 },
        };
    }
  },

  change({ place, desired, observed, fleet }) {
    if (!desired?.restore) return undefined; // it goes with the namespace
    const ipv4 = differing(desired.ipv4, observed?.ipv4 ?? {});
    const ipv6 = differing(desired.ipv6, observed?.ipv6 ?? {});
    if (ipv4.length + ipv6.length === 0) return undefined;
    const namespace = namespaceOf(fleet, place.tenant);
    const restore = (tool: "iptables" | "ip6tables", tables: readonly Table[]): ScriptOperation[] => {
      const lines = tables.flatMap(restoreLines);
      // guard: filter before enslave
      return lines.length === 0 ? [] : [{ phase: "settings", tool, namespace, lines }];
    };
    const reasons = [
      ...ipv4.map((name) => `${name}: ${tableDifference(desired.ipv4[name], observed?.ipv4[name])}`),
      ...ipv6.map((name) => `IPv6 ${name}: ${tableDifference(desired.ipv6[name], observed?.ipv6[name])}`),
    ];
    return {
      verb: observed ? "change" : "add",
      reason: observed ? reasons.join("; ") : "nothing may pass but what is let through",
      disruption: "none",
      operations: [
        ...restore(
          "ip6tables",
          desired.restore.ipv6.filter(({ name }) => ipv6.includes(name)),
        ),
        ...restore(
          "iptables",
          desired.restore.ipv4.filter(({ name }) => ipv4.includes(name)),
        ),
      ],
    };
  },
});

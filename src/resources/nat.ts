import { trusted } from "../api/names.ts";
import type { Ipv4 } from "../api/addresses.ts";
import type { TableFact } from "../facts/facts.ts";
import { namespaceOf, tenantOf } from "./marks.ts";
import type { ScriptOperation } from "./operation.ts";
import { kind, type Resource } from "./resource.ts";
import { emptyTable, restoreLines, sameTable, type Table, tableDifference } from "./tables.ts";

/** The balancer: the service addresses' ports, spread over the replicas that are ready. One atomic restore, never when equal. */
export interface NatState {
  readonly table: TableFact;
  /** Replicas that get UDP, by service `address:port`; a change moves their remembered flows. */
  readonly udp: Readonly<Record<string, readonly Ipv4[]>>;
  readonly restore?: Table;
}

const EMPTY = emptyTable("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]);

export const isNat = (resource: Resource): resource is Resource<NatState> => resource.kind === "nat";

export const nat = kind<NatState>({
  name: "nat",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { ipv4 }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      const table = ipv4["nat"];
      if (tenant && table && table.rules.length > 0)
        yield { kind: "nat", hypervisor, tenant, name: tenant, state: { table, udp: readUdp(table) } };
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    if (!desired)
      return (
        observed && {
          verb: "remove",
          reason: "the balancer is not here any more",
          disruption: "none",
          operations: [
            {
              phase: "withdraw",
              tool: "iptables",
              namespace,
              lines: restoreLines(EMPTY),
            },
          ],
        }
      );
    if (!desired.restore || sameTable(desired.table, observed?.table)) return undefined;
    const forget = forgottenFlows(desired.udp, observed?.udp ?? {});
    const operations: ScriptOperation[] = [
      { phase: "balance", tool: "iptables", namespace, lines: restoreLines(desired.restore) },
      ...(forget.length > 0
        ? [{ phase: "balance", tool: "conntrack", namespace, lines: forget } as const]
        : []),
    ];
    return {
      verb: observed ? "change" : "add",
      reason: observed
        ? tableDifference(desired.table, observed.table)
        : "spreads the services over their replicas",
      disruption: "none",
      operations,
    };
  },
});

/**
 * UDP has no connections: conntrack goes on sending a client to the replica it once had. So the flows of exactly the
 * removed replicas are forgotten, and those of a service that had none and was refusing.
 */
function forgottenFlows(desired: NatState["udp"], observed: NatState["udp"]): string[] {
  const lines: string[] = [];
  for (const service of new Set([...Object.keys(desired), ...Object.keys(observed)])) {
    const before = observed[service] ?? [];
    const after = desired[service] ?? [];
    const [address, port] = service.split(":");
    if (before.length === 0 && after.length > 0)
      lines.push(`-p udp --orig-dst ${address} --orig-port-dst ${port}`);
    for (const replica of before.filter((one) => !after.includes(one)))
      lines.push(`-p udp --reply-src ${replica}`);
  }
  return lines;
}

/** Follows `PREROUTING … -p udp … -j CHAIN` into the chain's DNAT rules, through the second level where there is one. */
function readUdp(table: TableFact): Record<string, Ipv4[]> {
  const replicas = (chain: string): Ipv4[] =>
    table.rules
      .filter((rule) => rule.startsWith(`-A ${chain} `))
      .flatMap((rule) => {
        const address = /--to-destination ([\d.]+)/.exec(rule)?.[1];
        const next = / -j (\S+)$/.exec(rule)?.[1];
        return address
          ? [trusted<Ipv4>(address)]
          : next && next !== chain && table.chains[next] === "-"
            ? replicas(next)
            : [];
      });
  const services: Record<string, Ipv4[]> = {};
  for (const rule of table.rules) {
    if (!rule.startsWith("-A PREROUTING ") || !/ -p udp\b/.test(rule)) continue;
    const address = / -d ([\d.]+)/.exec(rule)?.[1];
    const port = / --dport (\d+)/.exec(rule)?.[1];
    const chain = / -j (\S+)$/.exec(rule)?.[1];
    if (address && port && chain) services[`${address}:${port}`] = replicas(chain);
  }
  return services;
}

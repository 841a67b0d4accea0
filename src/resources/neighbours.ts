import { entriesOf, keysOf } from "../api/records.ts";
import type { Ipv4, Mac } from "../api/addresses.ts";
import { namespaceOf, subnetOfAlias, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";

/** Who is where on a segment, given beforehand so that nobody has to ask: MAC by address, on one bridge. */
export interface NeighboursState {
  readonly device: string;
  readonly entries: Readonly<Record<Ipv4, Mac>>;
}

export const neighbours = kind<NeighboursState>({
  name: "neighbours",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { links, neighbours: entries }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (!tenant) continue;
      for (const { name: device, alias, type } of links) {
        if (type !== "bridge") continue;
        const subnet = subnetOfAlias(alias);
        const own = entries.filter((entry) => entry.device === device);
        yield {
          kind: "neighbours",
          hypervisor,
          tenant,
          ...(subnet && { subnet }),
          name: device,
          state: { device, entries: Object.fromEntries(own.map(({ address, mac }) => [address, mac])) },
        };
      }
    }
  },

  change({ place, desired, observed, fleet }) {
    if (!desired) return undefined; // they go with their bridge
    const missing = entriesOf(desired.entries).filter(([address, mac]) => observed?.entries[address] !== mac);
    const foreign = keysOf(observed?.entries ?? {}).filter((address) => !desired.entries[address]);
    if (missing.length + foreign.length === 0) return undefined;
    const namespace = namespaceOf(fleet, place.tenant);
    const add = missing.map(
      ([address, mac]) => `neigh replace ${address} lladdr ${mac} dev ${desired.device} nud permanent`,
    );
    const remove = foreign.map((address) => `neigh del ${address} dev ${desired.device}`);
    // A client that comes again from a port that it once had would be sent to where nobody is any more, for as long as the
    // gateway remembers that; and whoever still holds a connection is told by whom it is sent to next that there is none.
    const forget = foreign.map((address) => `--reply-src ${address}`);
    return {
      verb: observed && Object.keys(observed.entries).length > 0 ? "change" : "add",
      reason: [
        missing.length > 0 && `${missing.length} to be known`,
        foreign.length > 0 && `${foreign.length} gone`,
      ]
        .filter(Boolean)
        .join(", "),
      disruption: "none",
      operations: [
        ...(add.length > 0
          ? [{ phase: "configure", tool: "ip-inside", namespace, lines: add } as const]
          : []),
        ...(remove.length > 0
          ? [
              { phase: "withdraw", tool: "ip-inside", namespace, lines: remove } as const,
              { phase: "withdraw", tool: "conntrack", namespace, lines: forget } as const,
            ]
          : []),
      ],
    };
  },
});

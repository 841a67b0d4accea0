import type { Ipv4, Mac } from "../api/addresses.ts";
import type { ForwardingFact } from "../facts/facts.ts";
import { namespaceOf, subnetOfAlias, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";

/** Where a segment's VXLAN sends what is for a replica on another hypervisor. Nothing is learned, nothing flooded. */
export interface ForwardingState {
  readonly device: string;
  /** Underlay address by MAC: the bridge knows the port, and the VXLAN where to send. */
  readonly remote: Readonly<Record<string, Ipv4>>;
  /** Entries that only one of the two has: half written, or left when a bridge was deleted. None is ever wanted. */
  readonly halves?: readonly ForwardingFact[];
  /** Who is here and may have been elsewhere: the bridge itself, the bastion. Only of a desired state. */
  readonly here?: readonly Mac[];
  /** Where broadcasts go; only from a standby to the primary, for DHCP. */
  readonly broadcast: Ipv4 | undefined;
}

/** The entry that stands for every address the table does not know. */
const ALL = "00:00:00:00:00:00";

export const forwarding = kind<ForwardingState>({
  name: "forwarding",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { links, forwarding: entries }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (!tenant) continue;
      for (const { name: device, alias, vxlan } of links) {
        if (!vxlan) continue;
        const subnet = subnetOfAlias(alias);
        yield {
          kind: "forwarding",
          hypervisor,
          tenant,
          ...(subnet && { subnet }),
          name: device,
          state: read(
            device,
            entries.filter((entry) => entry.device === device),
          ),
        };
      }
    }
  },

  change({ place, desired, observed, fleet }) {
    if (!desired) return undefined; // it goes with its VXLAN
    const { device, remote, broadcast } = desired;
    const here = new Set<string>(desired.here);
    const known = observed?.remote ?? {};
    const add = Object.entries(remote).filter(([mac, destination]) => known[mac] !== destination);
    const gone = Object.keys(known).filter((mac) => !remote[mac]);
    const halves = (observed?.halves ?? []).filter(({ mac }) => !remote[mac]);
    const lines = add.flatMap(([mac, destination]) => [
      `fdb replace ${mac} dev ${device} dst ${destination} self static`,
      `fdb replace ${mac} dev ${device} master static`,
    ]);
    // The all-zero entry can be appended twice without harm, but not replaced.
    if (broadcast && observed?.broadcast !== broadcast) {
      if (observed?.broadcast) lines.push(`fdb del ${ALL} dev ${device} dst ${observed.broadcast} self`);
      lines.push(`fdb append ${ALL} dev ${device} dst ${broadcast} self permanent`);
    }
    const leftOver = [
      ...gone.flatMap((mac): ForwardingFact[] => [
        { mac, device, destination: known[mac], table: "self" },
        { mac, device, destination: undefined, table: "master" },
      ]),
      ...halves,
    ];
    const removal = ({ mac, table, destination }: ForwardingFact): string =>
      `fdb del ${mac} dev ${device} ${table === "master" ? "master" : `dst ${destination} self`}`;
    const removals = leftOver.filter(({ mac }) => !here.has(mac)).map(removal);
    // Before a bridge takes the address for its own or a port's, and drops this entry: it could not be deleted any more.
    const taken = leftOver.filter(({ mac }) => here.has(mac)).map(removal);
    if (!broadcast && observed?.broadcast)
      removals.push(`fdb del ${ALL} dev ${device} dst ${observed.broadcast} self`);
    if (lines.length + removals.length + taken.length === 0) return undefined;
    const namespace = namespaceOf(fleet, place.tenant);
    return {
      verb: Object.keys(known).length > 0 ? "change" : "add",
      reason:
        [
          add.length > 0 && `${add.length} to be reached elsewhere`,
          gone.length > 0 && `${gone.length} gone`,
          halves.length > 0 && `${halves.length} left over`,
        ]
          .filter(Boolean)
          .join(", ") || "broadcasts go to the primary alone",
      disruption: "none",
      operations: [
        ...(taken.length > 0
          ? [{ phase: "create", tool: "bridge-inside", namespace, lines: taken } as const]
          : []),
        ...(lines.length > 0 ? [{ phase: "forward", tool: "bridge-inside", namespace, lines } as const] : []),
        ...(removals.length > 0
          ? [{ phase: "withdraw", tool: "bridge-inside", namespace, lines: removals } as const]
          : []),
      ],
    };
  },
});

function read(device: string, entries: readonly ForwardingFact[]): ForwardingState {
  const own = entries.filter(({ mac }) => mac !== ALL);
  const macsIn = (table: ForwardingFact["table"]): ReadonlySet<string> =>
    new Set(own.filter((entry) => entry.table === table).map(({ mac }) => mac));
  const [sent, switched] = [macsIn("self"), macsIn("master")];
  const isWhole = ({ mac }: ForwardingFact): boolean => sent.has(mac) && switched.has(mac);
  const remote = own.flatMap((entry) =>
    entry.destination && isWhole(entry) ? [[entry.mac, entry.destination] as const] : [],
  );
  const halves = own.filter((entry) => !isWhole(entry));
  const broadcast = entries.find(({ mac, table }) => mac === ALL && table === "self")?.destination;
  return { device, remote: Object.fromEntries(remote), broadcast, ...(halves.length > 0 && { halves }) };
}

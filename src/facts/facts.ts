import type { InterfaceAddress, Ipv4, Mac } from "../api/addresses.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import type { DomainFact } from "./domains.ts";
import type { CollectorFacts } from "./collectors.ts";
import type { ResolverFacts } from "./resolvers.ts";

/** A network interface, as `ip -j -d link` shows it; only what evenkeel compares. */
export interface LinkFact {
  readonly name: string;
  /** The kernel's number of it, in its own namespace. */
  readonly index: number;
  /** Index of the device that a macvlan or VXLAN hangs on, in the namespace of that device. */
  readonly below: number | undefined;
  /** bridge, vxlan, veth, macvlan …; empty for a plain NIC. */
  readonly type: string;
  readonly mac: Mac;
  readonly mtu: number;
  /** Name of the bridge it is a port of. */
  readonly master: string | undefined;
  readonly up: boolean;
  /** `group`, as iproute2 prints it: a number, or a name such as `default`. */
  readonly group: string;
  readonly alias: string | undefined;
  /** Only of a VXLAN. */
  readonly vxlan: { readonly id: number; readonly local: Ipv4; readonly port: number } | undefined;
  /** Flags of a bridge port that evenkeel sets, by their names in `ip link set … type bridge_slave`. */
  readonly flags: Readonly<Record<string, boolean>>;
  /** `inet` addresses with prefix, `10.13.13.1/24`. */
  readonly addresses: readonly InterfaceAddress[];
}

export interface RouteFact {
  /** `default`, an address or a network. */
  readonly destination: string;
  readonly gateway: Ipv4 | undefined;
  readonly device: string;
  readonly source: string | undefined;
}

/** A permanent neighbour entry: never learned, never expiring. */
export interface NeighbourFact {
  readonly device: string;
  readonly address: Ipv4;
  readonly mac: Mac;
}

/** A static forwarding entry of a bridge port or a VXLAN. */
export interface ForwardingFact {
  readonly device: string;
  readonly mac: string;
  /** Remote underlay address; set for entries of the VXLAN itself (`self`). */
  readonly destination: Ipv4 | undefined;
  /** Which table it is in: the bridge's (`master`) or the device's own (`self`). */
  readonly table: "master" | "self";
}

/** One iptables or ebtables table: policies and rules, one line each, in canonical form (see rules.ts). */
export interface TableFact {
  readonly chains: Readonly<Record<string, string>>;
  readonly rules: readonly string[];
  /** The same rules as the tool printed them, by which they can be deleted. */
  readonly printed?: readonly string[];
}

export interface NamespaceFacts {
  readonly name: string;
  readonly links: readonly LinkFact[];
  readonly routes: readonly RouteFact[];
  readonly neighbours: readonly NeighbourFact[];
  readonly forwarding: readonly ForwardingFact[];
  /** By table name: filter, nat, mangle. */
  readonly ipv4: Readonly<Record<string, TableFact>>;
  readonly ipv6: Readonly<Record<string, TableFact>>;
  /** ebtables, by table name. */
  readonly bridge: Readonly<Record<string, TableFact>>;
  /** By path below /proc/sys/net. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Live connections by the replica they go to; only where a drain is in progress, else undefined. */
  readonly connections: Readonly<Record<string, number>> | undefined;
  /** Of these, those that neither side has begun to close. */
  readonly unclosed?: Readonly<Record<string, number>> | undefined;
}

/** A container as Docker's list shows it. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  /** created, running, paused, restarting, removing, exited, dead */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a replica's own network namespace shows, read through /proc without entering it. */
export interface SandboxFacts {
  readonly pid: number;
  readonly interfaces: Readonly<
    Record<string, { readonly mac: string; readonly mtu: number; readonly address: string | undefined }>
  >;
  readonly gateway: Ipv4 | undefined;
  /** Its TCP sockets, by local port; only of a replica that drains, else undefined. */
  readonly sockets?: ReadonlyMap<number, SocketFact> | undefined;
}

/** What a container has on one of its TCP ports. */
export interface SocketFact {
  readonly listens: boolean;
  /** Connections in which it may still have something to say. */
  readonly live: number;
}

/** Who last changed this hypervisor, by the hypervisor's own clock. */
export interface FenceFact {
  readonly epoch: number;
  readonly state: "held" | "free";
  /** Seconds since the fence was written. */
  readonly ageSeconds: number;
  /** Identity of the holder's ledger: the same one is our own, from before. */
  readonly ledger: string;
  /** `machine:pid`. */
  readonly holder: string;
  /** Real path of the holder's manifests. */
  readonly manifests: string;
  /** How many batches were begun under any fence of the fleet. */
  readonly serial: number;
}

/** One complete look at a hypervisor. There is no partial one: what could not be read is an {@link Unseen}. */
export interface HostFacts {
  readonly hypervisor: HypervisorName;
  readonly bootId: string;
  /** The hypervisor's own namespace. */
  readonly own: Pick<NamespaceFacts, "links" | "routes" | "neighbours" | "forwarding" | "ipv4" | "sysctls">;
  /** All network namespaces that have a name there, foreign ones too. */
  readonly namespaces: ReadonlyMap<string, NamespaceFacts>;
  /** Docker's list; undefined when Docker does not answer, which is not the same as an empty list. */
  readonly containers: readonly ContainerSummary[] | undefined;
  /** The fleet's virtual machines; undefined when libvirt does not answer, which is not the same as an empty list. */
  readonly domains: readonly DomainFact[] | undefined;
  /** By container id; only running containers. */
  readonly sandboxes: ReadonlyMap<string, SandboxFacts>;
  /** Of the fleet's tenants that have files of one there, be it running or not. */
  readonly resolvers: ReadonlyMap<TenantName, ResolverFacts>;
  /** The same of collectors. */
  readonly collectors: ReadonlyMap<TenantName, CollectorFacts>;
  readonly fence: FenceFact | undefined;
}

/** A hypervisor that could not be looked at, or not completely: nothing may be concluded from what it did not show. */
export interface Unseen {
  readonly hypervisor: HypervisorName;
  readonly error: Error;
}

/** What the looks of one pass showed, by hypervisor. */
export interface Observation {
  readonly seen: ReadonlyMap<HypervisorName, HostFacts>;
  readonly unseen: ReadonlyMap<HypervisorName, Unseen>;
}

import type { InterfaceAddress, Ipv4, Mac } from "../api/addresses.ts";
import type { FenceFact, ForwardingFact, NeighbourFact, RouteFact, TableFact } from "../facts/facts.ts";
import type { ContainerRequest, DomainRequest } from "../resources/operation.ts";
import type { CpuCounter } from "./cpu.ts";

/** A network interface as the kernel keeps it. */
export interface Link {
  name: string;
  readonly index: number;
  /** bridge, vxlan, veth, macvlan; empty for a plain NIC and the loopback. */
  readonly type: string;
  mac: Mac;
  mtu: number;
  /** Of a bridge: it was set since it was made, and follows its ports no more. */
  keepsMtu: boolean;
  up: boolean;
  group: string;
  alias: string | undefined;
  /** The bridge that it is a port of. */
  master: Link | undefined;
  /** Flags as a bridge port; empty while it is none. */
  flags: Record<string, boolean>;
  addresses: InterfaceAddress[];
  readonly vxlan: { readonly id: number; readonly local: Ipv4; readonly port: number } | undefined;
  /** What a macvlan or VXLAN hangs on. */
  readonly below: Link | undefined;
  /** The other end of a veth pair. */
  peer: Link | undefined;
  /** The network namespace that it is in. */
  space: Space;
}

/** A network namespace. */
export interface Space {
  readonly links: Link[];
  routes: RouteFact[];
  neighbours: NeighbourFact[];
  forwarding: ForwardingFact[];
  ipv4: Record<string, TableFact>;
  ipv6: Record<string, TableFact>;
  bridge: Record<string, TableFact>;
  sysctls: Record<string, string>;
}

/** What runs a replica. */
export interface Workload {
  readonly id: string;
  readonly request: ContainerRequest | DomainRequest;
  state: "running" | "paused" | "exited";
  /** Its network, of a virtual machine that of its guest; undefined unless it has processes. */
  space: Space | undefined;
  /** When it ends by itself, having been told to; milliseconds since the epoch. */
  endsAt: number | undefined;
  cpu: CpuCounter;
}

/** A container as Docker keeps it. */
export interface Container extends Workload {
  readonly request: ContainerRequest;
  pid: number;
  /** Docker's file for its namespace. */
  readonly sandbox: string;
}

/** A virtual machine as libvirt keeps it, by its UUID. */
export interface Domain extends Workload {
  readonly request: DomainRequest;
  /** What its virtual CPUs wait for those of the hypervisor. */
  waits: CpuCounter;
}

/** The fence as the hypervisor keeps it. */
export interface Fence extends Omit<FenceFact, "ageSeconds"> {
  /** By the hypervisor's own clock, milliseconds since the epoch. */
  readonly at: number;
}

/** A tenant's collector: its file, and where its process is. */
export interface Collector {
  configuration: readonly string[];
  /** The namespace that it runs in; undefined while it does not run. */
  space: Space | undefined;
  failure: string | undefined;
}

/** A tenant's resolver: its files, and its process while it runs. */
export interface Resolver {
  hosts: readonly string[];
  leases: readonly string[];
  /** Undefined while it does not run. */
  process: ResolverProcess | undefined;
  failure: string | undefined;
}

interface ResolverProcess {
  readonly command: readonly string[];
  /** The namespace that it runs in. */
  readonly space: Space;
  /** Whether it has read its files since they were last written. */
  isTold: boolean;
}

export const emptySpace = (): Space => ({
  links: [],
  routes: [],
  neighbours: [],
  forwarding: [],
  ipv4: {},
  ipv6: {},
  bridge: {},
  sysctls: { ...INHERITED },
});

/** What a namespace begins with: the kernel's defaults, with br_netfilter loaded, as Docker does. */
const INHERITED: Readonly<Record<string, string>> = {
  "bridge/bridge-nf-call-arptables": "1",
  "bridge/bridge-nf-call-ip6tables": "1",
  "bridge/bridge-nf-call-iptables": "1",
  "ipv4/ip_forward": "0",
  "ipv6/conf/all/disable_ipv6": "0",
  "ipv6/conf/default/disable_ipv6": "0",
  ...Object.fromEntries(
    ["all", "default"].flatMap((which) =>
      [
        ["arp_announce", "0"],
        ["arp_ignore", "0"],
        ["arp_notify", "0"],
        ["accept_redirects", "1"],
        ["accept_source_route", "0"],
        ["promote_secondaries", "0"],
        ["rp_filter", "0"],
        ["send_redirects", "1"],
      ].map(([key, value]) => [`ipv4/conf/${which}/${key}`, value]),
    ),
  ),
  "ipv4/conf/default/accept_source_route": "1",
};

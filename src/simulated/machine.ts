import type { InterfaceAddress, Ipv4, Mac } from "../api/addresses.ts";
import { type HypervisorName, trusted } from "../api/names.ts";
import type { FenceFact, ForwardingFact, NeighbourFact, RouteFact, TableFact } from "../facts/facts.ts";
import type { Collector } from "./collectors.ts";
import type { Resolver } from "./resolvers.ts";
import type { ContainerRequest, DomainRequest } from "../resources/operation.ts";
import { CpuCounter } from "./cpu.ts";

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

/** What a simulated hypervisor is like; the rest is as Debian leaves it. */
export interface MachineOptions {
  readonly name: HypervisorName;
  readonly underlay: { readonly address: Ipv4; readonly device: string; readonly mtu: number };
  readonly uplink: { readonly address: InterfaceAddress; readonly device: string } | undefined;
  readonly cpus: number;
  /** Milliseconds since the epoch, by its own clock. */
  readonly now: () => number;
}

/** A hypervisor that exists in memory alone: what the kernel, Docker and libvirt would keep, and nothing that decides anything. */
export class Machine {
  readonly name: HypervisorName;
  readonly options: MachineOptions;
  bootId = "";
  bootedAt = 0;
  /** Its own network namespace. */
  own: Space = emptySpace();
  /** Those that have a name. */
  readonly spaces = new Map<string, Space>();
  readonly containers = new Map<string, Container>();
  readonly domains = new Map<string, Domain>();
  /** Whether libvirt answers. */
  libvirt = true;
  /** The fleet's image directory: content by name. */
  readonly files = new Map<string, string>();
  /** Docker's: ids by name. */
  readonly images = new Map<string, string>();
  /** By the name of their namespace. */
  readonly resolvers = new Map<string, Resolver>();
  readonly collectors = new Map<string, Collector>();
  fence: Fence | undefined;
  /** What everybody's work uses, its containers' too. */
  cpu: CpuCounter;
  #index = 1;
  #boots = 0;

  constructor(options: MachineOptions) {
    this.name = options.name;
    this.options = options;
    this.cpu = new CpuCounter(options.now());
    this.boot();
  }

  get now(): number {
    return this.options.now();
  }

  /** A number that no link of it ever had. */
  nextIndex(): number {
    return this.#index++;
  }

  /** Starts anew: all that the kernel kept is gone, what is on its disk is not. */
  boot(): void {
    const { underlay, uplink, now, name } = this.options;
    this.bootId = `${name}-${++this.#boots}`;
    this.bootedAt = now();
    this.cpu = new CpuCounter(now());
    this.own = emptySpace();
    this.spaces.clear();
    this.resolvers.clear();
    this.collectors.clear();
    loopback(this, this.own);
    this.own.links.push(nic(this, underlay.device, underlay.mtu, `${underlay.address}/24`));
    if (uplink) this.own.links.push(nic(this, uplink.device, 1500, uplink.address));
    for (const workload of this.workloads()) {
      workload.state = "exited";
      workload.space = undefined;
      workload.endsAt = undefined;
    }
  }

  /** Containers and virtual machines. */
  *workloads(): Iterable<Workload> {
    yield* this.containers.values();
    yield* this.domains.values();
  }

  /** All network namespaces, those of workloads too. */
  *allSpaces(): Iterable<Space> {
    yield this.own;
    yield* this.spaces.values();
    for (const { space } of this.workloads()) if (space) yield space;
  }
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

const NO_MAC = trusted<Mac>("00:00:00:00:00:00");

/** A link that nothing is said of but what it is. */
export const newLink = (
  machine: Machine,
  space: Space,
  about: Pick<Link, "name" | "type"> & Partial<Omit<Link, "index" | "space">>,
): Link => ({
  index: machine.nextIndex(),
  mac: NO_MAC,
  mtu: 1500,
  keepsMtu: false,
  up: false,
  group: "default",
  alias: undefined,
  master: undefined,
  flags: {},
  addresses: [],
  vxlan: undefined,
  below: undefined,
  peer: undefined,
  space,
  ...about,
});

/** The loopback that every namespace begins with. */
export function loopback(machine: Machine, space: Space): void {
  space.links.push(newLink(machine, space, { name: "lo", type: "", mtu: 65536 }));
}

const nic = (machine: Machine, name: string, mtu: number, address: string): Link =>
  newLink(machine, machine.own, {
    name,
    type: "",
    mtu,
    up: true,
    addresses: [trusted(address)],
  });

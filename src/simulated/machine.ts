import type { InterfaceAddress, Ipv4, Mac } from "../api/addresses.ts";
import { type HypervisorName, trusted } from "../api/names.ts";
import { CpuCounter } from "./cpu.ts";
import {
  type Collector,
  type Container,
  type Domain,
  emptySpace,
  type Fence,
  type Link,
  type Resolver,
  type Space,
  type Workload,
} from "./parts.ts";

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
  /** Content by path, of files in the fleet's image directory by name. */
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

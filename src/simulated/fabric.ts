import { contains, type Ipv4, networkOf } from "../api/addresses.ts";
import type { HypervisorName } from "../api/names.ts";
import type { Machine } from "./machine.ts";
import type { Link, Space, Workload } from "./parts.ts";

/** The hypervisors of one simulated world and what joins them: where a packet that one of them sends arrives. */
export class Fabric {
  readonly machines: ReadonlyMap<HypervisorName, Machine>;
  /** Pairs of hypervisors, `hv1 hv2`, between which nothing passes in that direction. */
  readonly blocked = new Set<string>();
  /** Hypervisors that are off. */
  readonly off = new Set<HypervisorName>();

  constructor(machines: readonly Machine[]) {
    this.machines = new Map(machines.map((machine) => [machine.name, machine]));
  }

  passes(from: Machine, to: Machine): boolean {
    return !this.off.has(from.name) && !this.off.has(to.name) && !this.blocked.has(`${from.name} ${to.name}`);
  }

  /** The running workload that has an address, as a gateway's namespace reaches it and gets its answers back. */
  reach(machine: Machine, space: Space, address: Ipv4): Workload | undefined {
    if (this.off.has(machine.name)) return undefined;
    const bridge = space.links.find(
      ({ type, up, addresses }) =>
        type === "bridge" && up && addresses.some((own) => contains(networkOf(own), address)),
    );
    const mac = space.neighbours.find((one) => one.device === bridge?.name && one.address === address)?.mac;
    if (!bridge || mac === undefined) return undefined;
    const end = this.#forward({ machine, bridge }, mac);
    if (!end) return undefined;
    const workload = [...end.machine.workloads()].find((one) => one.space === end.link.space);
    const isIts = end.link.addresses.some((own) => own.startsWith(`${address}/`)) && end.link.up;
    const gateway = workload?.space?.routes.find(({ destination }) => destination === "default")?.gateway;
    const isAnswered = bridge.addresses.some((own) => own.startsWith(`${gateway}/`));
    if (workload?.state !== "running" || !isIts || !isAnswered) return undefined;
    return this.#leadsBack(end, machine, bridge) ? workload : undefined;
  }

  /** Where a frame ends that a bridge is given: in a workload's own end, over VXLANs where entries say so. */
  #forward(
    { machine, bridge }: { machine: Machine; bridge: Link },
    mac: string,
    hops = 0,
  ): { machine: Machine; link: Link } | undefined {
    const { space } = bridge;
    const entry = space.forwarding.find((one) => one.mac === mac && one.table === "master");
    const port = space.links.find(({ name, master }) => name === entry?.device && master === bridge);
    if (!bridge.up || !port?.up) return undefined;
    if (port.peer) return port.peer.mac === mac ? { machine, link: port.peer } : undefined;
    const there = this.#across(machine, port, mac);
    return there && hops === 0 ? this.#forward(there, mac, 1) : undefined;
  }

  /** The bridge at the other end of a VXLAN. */
  #across(machine: Machine, { space, name, vxlan }: Link, mac: string) {
    const self = space.forwarding.find(
      (one) => one.device === name && one.mac === mac && one.table === "self",
    );
    const there = [...this.machines.values()].find(
      ({ options }) => options.underlay.address === self?.destination,
    );
    if (!there || !this.passes(machine, there) || !this.passes(there, machine)) return undefined;
    const end = [...there.spaces.values()]
      .flatMap(({ links }) => links)
      .find((link) => link.vxlan?.id === vxlan?.id && link.up);
    return end?.master ? { machine: there, bridge: end.master } : undefined;
  }

  /** Whether what a replica answers comes to the gateway's bridge. */
  #leadsBack({ machine, link }: { machine: Machine; link: Link }, home: Machine, gateway: Link): boolean {
    const bridge = link.peer?.master;
    if (!bridge || machine === home) return bridge === gateway;
    const entry = bridge.space.forwarding.find((one) => one.mac === gateway.mac && one.table === "master");
    const port = bridge.space.links.find(({ name }) => name === entry?.device);
    return port?.up === true && this.#across(machine, port, gateway.mac)?.bridge === gateway;
  }
}

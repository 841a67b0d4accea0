import type { Hypervisor } from "../api/kinds.gen.ts";
import type { HypervisorName } from "../api/names.ts";
import { Clients } from "./clients.ts";
import { Fabric } from "./fabric.ts";
import { type Passage, SimulatedHost } from "./host.ts";
import { Machine } from "./machine.ts";

/** Hypervisors, what joins them, and the clients outside: everything that evenkeel acts on, and nothing of evenkeel. */
export class Simulation {
  readonly machines: readonly Machine[];
  readonly fabric: Fabric;
  readonly clients: Clients;

  /**
   * @param hypervisors as their manifests say
   * @param now milliseconds since the epoch
   */
  constructor(hypervisors: readonly Hypervisor[], now: () => number) {
    this.machines = hypervisors.map(
      ({ metadata, spec }) =>
        new Machine({
          name: metadata.name,
          underlay: spec.underlay,
          uplink: spec.uplink,
          cpus: Number(spec.capacity.cpu ?? 4),
          now,
        }),
    );
    this.fabric = new Fabric(this.machines);
    this.clients = new Clients(this.fabric, now);
  }

  machine(name: string): Machine {
    const found = this.machines.find((machine) => machine.name === name);
    if (!found) throw new RangeError(`no hypervisor is called ${name}`);
    return found;
  }

  /** The way to each of them. */
  hosts(passage: Passage): ReadonlyMap<HypervisorName, SimulatedHost> {
    return new Map(
      this.machines.map((machine) => [machine.name, new SimulatedHost(machine, this, passage)] as const),
    );
  }
}

import type { Simulation } from "./simulation.ts";
import { backendsOf } from "./clients.ts";
import type { Workload } from "./parts.ts";

export interface DemandOptions {
  /** Where clients come in, `198.18.100.10:80`. */
  readonly service: string;
  /** CPUs that each hypervisor uses for work of its own. */
  readonly own: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What the clients of a service ask of its replicas, as the hypervisors' CPU counters show it. */
export class Demand {
  readonly #simulation: Simulation;
  readonly #options: DemandOptions;

  constructor(simulation: Simulation, options: DemandOptions) {
    this.#simulation = simulation;
    this.#options = options;
  }

  /**
   * From now on so many CPUs are asked for, by equal parts of those that the balancer points at; nobody gives more than
   * its limit. To be called again when the balancer may point elsewhere.
   */
  ask(cpus: number): void {
    const busy = this.#balanced();
    const now = this.#options.now();
    for (const machine of this.#simulation.machines) {
      let sum = this.#options.own;
      for (const workload of machine.workloads()) {
        const limit = workload.request.nanoCpus / 1e9;
        const used = busy.has(workload) ? Math.min(cpus / busy.size, limit) : 0;
        workload.cpu.use(used, now);
        sum += used;
      }
      machine.cpu.use(sum, now);
    }
  }

  /** Whom a client may come to. */
  #balanced(): ReadonlySet<Workload> {
    const { clients, fabric } = this.#simulation;
    const [address = "", port = ""] = this.#options.service.split(":");
    const [door] = clients.announcers(address);
    if (!door) return new Set();
    const reached = backendsOf(door.space, address, port).flatMap(
      (backend) => fabric.reach(door.machine, door.space, backend.address) ?? [],
    );
    return new Set(reached);
  }
}

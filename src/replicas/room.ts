import type { Hypervisor } from "../api/kinds.gen.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import { parseCpu, parseMemory } from "../api/quantities.ts";
import type { Candidate } from "../autoscale/place.ts";
import type { FleetMemory, ReplicaMemory } from "./memory.ts";

/**
 * What each of a tenant's hypervisors has left, in the order of preference. Everything that stands counts, whoever's it
 * is and whatever its phase, because it takes its room until it is gone.
 */
export function candidates(
  order: readonly HypervisorName[],
  hypervisors: ReadonlyMap<HypervisorName, Hypervisor>,
  standing: readonly ReplicaMemory[],
  visible: ReadonlySet<HypervisorName>,
): Candidate[] {
  return order.map((hypervisor) => {
    const capacity = hypervisors.get(hypervisor)?.spec.capacity;
    const here = standing.filter((replica) => replica.hypervisor === hypervisor);
    const left = (total: number | undefined, used: (replica: ReplicaMemory) => number): number | undefined =>
      total === undefined ? undefined : total - here.reduce((sum, replica) => sum + used(replica), 0);
    return {
      hypervisor,
      barred:
        capacity === undefined ? "no such hypervisor" : visible.has(hypervisor) ? undefined : "not seen",
      places: (capacity?.replicas ?? 0) - here.length,
      nanoCpus: left(
        capacity?.cpu === undefined ? undefined : parseCpu(capacity.cpu),
        (replica) => replica.nanoCpus,
      ),
      memory: left(
        capacity?.memory === undefined ? undefined : parseMemory(capacity.memory),
        (replica) => replica.memory,
      ),
    };
  });
}

/** Replicas of all other tenants. */
export const othersThan = (tenant: TenantName, fleet: FleetMemory): ReplicaMemory[] =>
  Object.entries(fleet.tenants).flatMap(([name, memory]) => (name === tenant ? [] : memory.replicas));

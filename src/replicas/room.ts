import type { Hypervisor } from "../api/kinds.gen.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import { parseCpu, parseMemory } from "../api/quantities.ts";
import type { Candidate } from "../autoscale/place.ts";
import { ratioOf } from "../autoscale/policy.ts";
import type { Runtime, Visibility } from "../facts/visibility.ts";
import type { FleetMemory, ReplicaMemory } from "./memory.ts";

/** What the room on hypervisors depends on. */
export interface Site {
  readonly hypervisors: ReadonlyMap<HypervisorName, Hypervisor>;
  /** Those that were seen, their runtimes included. */
  readonly visible: Visibility;
  /** Those that an operator keeps empty. */
  readonly drained?: readonly HypervisorName[] | undefined;
  /** CPU used ÷ CPUs; undefined where nobody samples, without those that gave no sample. */
  readonly loads?: ReadonlyMap<HypervisorName, number> | undefined;
}

/** What takes room on a hypervisor. */
export type Standing = Pick<ReplicaMemory, "hypervisor" | "nanoCpus" | "memory">;

/** Where a tenant's replicas may go. */
export interface Order {
  /** The tenant's home, then its standbys as written. */
  readonly order: readonly HypervisorName[];
  /** Where the replica that is to be replaced stands; undefined for one more. */
  readonly same?: HypervisorName | undefined;
  /** What is to run them. */
  readonly runtime: Runtime;
}

/**
 * What each of a tenant's hypervisors has left. Everything that stands counts, whoever's it is and whatever its phase,
 * because it takes its room until it is gone.
 */
export function candidates(
  { order, same, runtime }: Order,
  { hypervisors, visible, drained = [], loads }: Site,
  standing: readonly Standing[],
): Candidate[] {
  return order.map((hypervisor, index): Candidate => {
    const spec = hypervisors.get(hypervisor)?.spec;
    const here = standing.filter((replica) => replica.hypervisor === hypervisor);
    const left = (total: number | undefined, used: (replica: Standing) => number): number | undefined =>
      total === undefined ? undefined : total - here.reduce((sum, replica) => sum + used(replica), 0);
    const { capacity } = spec ?? {};
    return {
      hypervisor,
      role: hypervisor === same ? "same" : index === 0 ? "home" : "standby",
      barred: barredBecause(spec, {
        isSeen: visible[runtime].has(hypervisor),
        isDrained: drained.includes(hypervisor),
        runtime,
      }),
      places: (capacity?.replicas ?? 0) - here.length,
      nanoCpus: left(
        capacity?.cpu === undefined ? undefined : parseCpu(capacity.cpu),
        (replica) => replica.nanoCpus,
      ),
      memory: left(
        capacity?.memory === undefined ? undefined : parseMemory(capacity.memory),
        (replica) => replica.memory,
      ),
      load: loads?.get(hypervisor),
      band: { min: ratioOf(spec?.load.min ?? 0), max: ratioOf(spec?.load.max ?? 0) },
      price: Number(spec?.price.perReplicaHour ?? 0),
    };
  });
}

function barredBecause(
  spec: Hypervisor["spec"] | undefined,
  { isSeen, isDrained, runtime }: { isSeen: boolean; isDrained: boolean; runtime: Runtime },
): string | undefined {
  if (!spec) return "no such hypervisor";
  if (!spec.runtimes.includes(runtime)) return `it does not run ${RUNS[runtime]}`;
  // guard: unknown is not absent
  if (!isSeen) return "not seen";
  if (isDrained) return "it is being drained";
  return spec.unschedulable ? "unschedulable" : undefined;
}

const RUNS = { docker: "containers", libvirt: "virtual machines" } as const;

/** Replicas of all other tenants. */
export const othersThan = (tenant: TenantName, fleet: FleetMemory): ReplicaMemory[] =>
  Object.entries(fleet.tenants).flatMap(([name, memory]) => (name === tenant ? [] : memory.replicas));

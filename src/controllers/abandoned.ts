import { planIdOf } from "../api/digest.ts";
import { keysOf } from "../api/records.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import type { Refusal } from "../api/reasons.ts";
import type { Revision } from "../manifests/revision.ts";
import { type FleetMemory, withoutApprovals } from "../replicas/memory.ts";
import { isDescribed } from "./departures.ts";

/** Hypervisors that are given up now, and those that somebody may give up. */
export interface Abandoned {
  readonly names: readonly HypervisorName[];
  readonly refusals: readonly Refusal[];
  readonly spent: readonly string[];
}

/**
 * A hypervisor whose document is gone, and that does not answer: what stands there can be neither drained nor seen to be
 * gone, so it is kept until somebody says that it is lost.
 */
export function abandoned(
  revision: Revision,
  memory: FleetMemory,
  unseen: ReadonlySet<HypervisorName>,
): Abandoned {
  const lost = [...revision.hypervisors.keys()].filter(
    (name) => revision.complete && unseen.has(name) && !isDescribed(revision, name),
  );
  const plans = lost.map((name) => ({
    name,
    id: planIdOf({ giveUp: name, replicas: replicasOn(name, memory) }),
  }));
  const isApproved = ({ id }: { id: string }): boolean => memory.approvals.includes(id);
  return {
    // guard: mass deletion
    names: plans.filter(isApproved).map(({ name }) => name),
    spent: plans.filter(isApproved).map(({ id }) => id),
    refusals: plans
      .filter((plan) => !isApproved(plan))
      .map(({ name, id }) => ({
        id,
        object: `hypervisor/${name}`,
        message: `its document is gone and it does not answer; giving it up forgets ${replicasOn(name, memory).length} replicas that may still run there`,
      })),
  };
}

const replicasOn = (name: HypervisorName, { tenants }: FleetMemory): string[] =>
  Object.values(tenants)
    .flatMap(({ replicas }) => replicas)
    .flatMap(({ hypervisor, incarnation }) => (hypervisor === name ? [incarnation] : []))
    .toSorted();

/** The fleet's memory without anything on those that were given up. */
export function withoutAbandoned(memory: FleetMemory, { names, spent }: Abandoned): FleetMemory {
  if (names.length === 0) return memory;
  const isLeft = (name: HypervisorName): boolean => !names.includes(name);
  const tenants = { ...memory.tenants };
  for (const tenant of keysOf<TenantName>(tenants)) {
    const before = tenants[tenant];
    if (!before) continue;
    tenants[tenant] = {
      ...before,
      hypervisors: before.hypervisors.filter(isLeft),
      replicas: before.replicas.filter(({ hypervisor }) => isLeft(hypervisor)),
    };
  }
  return withoutApprovals({ ...memory, tenants }, spent);
}

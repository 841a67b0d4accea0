import type { Subnet, Tenant } from "../api/kinds.gen.ts";
import type { HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import type { ScalingMemory, ScalingObservation } from "../autoscale/decision.ts";
import { placeAll } from "../autoscale/place.ts";
import { type Policy, policyOf } from "../autoscale/policy.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import type { SubnetLoad } from "../load/samples.ts";
import type { Revision } from "../manifests/revision.ts";
import type { FleetMemory, ReplicaMemory, TenantMemory } from "../replicas/memory.ts";
import { candidates, type Site, type Standing } from "../replicas/room.ts";
import { desiredOf, needOf } from "../replicas/spec.ts";

/** A subnet whose count follows its load. */
export interface Follower {
  /** `t2/web`. */
  readonly key: string;
  readonly tenant: Tenant;
  readonly subnet: Subnet;
  readonly policy: Policy;
  /** Milliseconds from one sample to the next. */
  readonly pace: number;
}

/**
 * Every subnet that is to follow its load now. Not those that are on their way out or held, nor any of a tenant with
 * hypervisors that were never seen since the ledger began: nobody knows then what stands there.
 */
export function followers({ tenants, hypervisors }: Revision, memory: FleetMemory): Follower[] {
  return [...tenants.values()].flatMap(({ name, tenant, subnets, held }) => {
    const own = memory.tenants[name];
    if (!tenant || held !== undefined || !own || own.down || own.going === "everything") return [];
    const isUnknown = (hypervisor: HypervisorName): boolean =>
      hypervisors.has(hypervisor) && !memory.seen.includes(hypervisor);
    if (orderOf(tenant).some(isUnknown)) return [];
    const leaving = [...(own.going ?? []), ...(own.downSubnets ?? [])];
    return [...subnets.values()].flatMap((subnet): Follower[] => {
      const { metadata, spec } = subnet;
      const policy = policyOf(spec, tenant.spec);
      const isHere = own.segments[metadata.name] !== undefined && !leaving.includes(metadata.name);
      if (!policy || policy.mode === "off" || !isHere) return [];
      const pace = (spec.autoscale?.sampleSeconds ?? 0) * 1000;
      return [{ key: `${name}/${metadata.name}`, tenant, subnet, policy, pace }];
    });
  });
}

const orderOf = ({ spec }: Tenant): HypervisorName[] => [
  spec.primary,
  ...spec.standby.map(({ name }) => name),
];

/** The subnet's replicas that serve. */
export const servingOf = ({ metadata }: Subnet, { replicas }: TenantMemory): ReplicaMemory[] =>
  replicas.filter(({ subnet, phase }) => subnet === metadata.name && phase === "serving");

/** What a decision depends on besides its subnet. */
export interface Circumstances {
  readonly revision: Revision;
  readonly fleet: FleetMemory;
  readonly site: Site;
  /** Room that is spoken for: granted a moment ago, and not remembered as replicas yet. */
  readonly granted: readonly Standing[];
}

/** What a decision is made from. */
export function observationOf(
  { subnet, policy, tenant }: Follower,
  memory: TenantMemory,
  { loads }: SubnetLoad,
  { revision, fleet, site, granted }: Circumstances,
): ScalingObservation {
  const current = desiredOf(subnet, memory);
  const siblings = [...(revision.tenants.get(tenant.metadata.name)?.subnets.values() ?? [])].filter(
    ({ metadata }) => metadata.name !== subnet.metadata.name,
  );
  const standing = [...Object.values(fleet.tenants).flatMap((one) => one.replicas), ...granted];
  return {
    current,
    loads,
    serving: new Map(servingOf(subnet, memory).map(({ ordinal, since }) => [ordinal, since])),
    others: siblings.reduce((sum, sibling) => sum + desiredOf(sibling, memory), 0),
    room: placeAll(
      candidates({ order: orderOf(tenant), runtime: subnet.spec.workload.runtime }, site, standing),
      needOf(subnet.spec),
      {
        use: "required",
        // As many as this decision and the next might ask for.
        count: Math.max(2 * policy.step, policy.min - current),
      },
    ),
  };
}

/** The fleet's memory with a subnet's desired count, and when it last changed. */
export function withDesired(
  fleet: FleetMemory,
  tenant: TenantName,
  { subnet, desired, last }: { subnet: SubnetName; desired: number; last: ScalingMemory },
): FleetMemory {
  const memory = fleet.tenants[tenant];
  if (!memory) return fleet;
  const grewAt = last.to > last.from ? last.at : memory.scaling?.[subnet]?.grewAt;
  const changed: TenantMemory = {
    ...memory,
    desired: { ...memory.desired, [subnet]: desired },
    scaling: { ...memory.scaling, [subnet]: { ...last, ...(grewAt !== undefined && { grewAt }) } },
  };
  return { ...fleet, tenants: { ...fleet.tenants, [tenant]: changed } };
}

/** Growth that was held because no hypervisor takes another replica. */
export const notesOf = ({ tenant, subnet, trace: { stages } }: DecisionRecord): Note[] =>
  stages
    .filter(({ name, unless }) => name === "placement" && unless)
    .map(({ reason: message }) => ({
      reason: "NowhereToPlace",
      object: `subnet/${tenant}/${subnet}`,
      message,
      severity: "info",
    }));

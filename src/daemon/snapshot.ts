import type { SubnetName, TenantName } from "../api/names.ts";
import { policyOf } from "../autoscale/policy.ts";
import type { TenantManifests } from "../api/documents.ts";
import type { Problem, Revision } from "../manifests/revision.ts";
import type { FleetView } from "../status/view.ts";
import type { ReplicaState, Snapshot, SubnetSnapshot } from "../telemetry/snapshot.ts";
import type { Live } from "./live.ts";
import { isSeenWhole } from "../facts/visibility.ts";

export interface SnapshotOptions {
  readonly live: Live;
  readonly revision: Revision;
  readonly queues: Snapshot["queues"];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What the daemon knows at this moment, as it is measured. */
export function snapshotOf({ live, revision, queues, now }: SnapshotOptions): Snapshot {
  const view = live.view(revision, now);
  const { digest, commit, hypervisors, tenants } = revision;
  const errors = revision.problems.filter(({ severity }) => severity === "error");
  const used = (name: string): number =>
    view?.replicas.filter(({ spec }) => spec.hypervisor === name).length ?? 0;
  return {
    now,
    queues,
    fleetRefusals: live.refusals.length,
    revision: {
      id: commit?.hash ?? digest,
      dirty: commit?.dirty ?? false,
      appliedAt: live.appliedAt(revision),
      errors: errors.filter((problem) => ownerOf(problem) === undefined).length,
    },
    hypervisors: [...hypervisors].map(([name, { spec }]) => ({
      name,
      up: isSeenWhole(live.observation?.seen.get(name)),
      lastLookAt: live.lookedAt(name),
      loadRatio: live.loads?.get(name),
      used: live.observation?.seen.has(name) ? used(name) : undefined,
      capacity: spec.capacity.replicas,
    })),
    tenants: [...tenants.keys()].map((name) => ({
      name,
      errors: errors.filter((problem) => ownerOf(problem) === name).length,
      drift: live.results.get(name)?.undone.length ?? 0,
      refusals: live.results.get(name)?.refusals.length ?? 0,
    })),
    subnets: view ? [...tenants.values()].flatMap((tenant) => subnetsOf(tenant, view, live, now)) : [],
    conditions: view ? conditionsOf(view) : [],
  };
}

/** Whose document a problem is in; undefined for the provider's own. */
const ownerOf = ({ file }: Problem): string | undefined => /^tenants\/([^/]+)\//.exec(file)?.[1];

function subnetsOf(
  { name: tenant, tenant: owner, subnets }: TenantManifests,
  view: FleetView,
  live: Live,
  now: number,
): SubnetSnapshot[] {
  return [...subnets.values()].map(({ metadata: { name }, spec }): SubnetSnapshot => {
    const object = view.subnets.find(
      (one) => one.metadata.namespace === tenant && one.metadata.name === name,
    );
    const decision = live.decision(tenant, name);
    const policy = owner && policyOf(spec, owner.spec);
    const held = decision?.trace.stages.find(({ unless }) => unless !== undefined);
    const wants = decision?.trace.verdict === "out" || decision?.trace.verdict === "in";
    return {
      tenant,
      name,
      replicas: countsOf(view, tenant, name),
      desired: object?.status.desiredReplicas ?? spec.replicas.min,
      min: spec.replicas.min,
      max: spec.replicas.max,
      loads: Object.fromEntries(decision?.trace.metrics.map(({ metric, ratio }) => [metric, ratio]) ?? []),
      thresholds: policy?.thresholds ?? {},
      oldestSampleAt: decision?.trace.metrics.some(({ ratio }) => ratio !== undefined)
        ? decision.trace.at
        : undefined,
      blocked: wants && decision?.trace.desired === decision?.trace.current ? held?.name : undefined,
      paused: policy?.pause !== undefined && (policy.pause.until === undefined || now < policy.pause.until),
    };
  });
}

function countsOf(view: FleetView, tenant: TenantName, subnet: SubnetName): Record<ReplicaState, number> {
  const counts = {
    ready: 0,
    notReady: 0,
    unknown: 0,
    starting: 0,
    draining: 0,
    stopping: 0,
    leaving: 0,
  };
  for (const { metadata, spec, status } of view.replicas) {
    if (metadata.namespace !== tenant || spec.subnet !== subnet) continue;
    const ready = status.conditions.find(({ type }) => type === "Ready")?.status;
    const isUnknown = ready === "Unknown";
    const serving = ready === "True" ? "ready" : "notReady";
    counts[isUnknown ? "unknown" : status.phase === "serving" ? serving : status.phase]++;
  }
  return counts;
}

const conditionsOf = ({ hypervisors, tenants, subnets }: FleetView): Snapshot["conditions"] => [
  ...hypervisors.map(({ kind, metadata, status }) => ({
    kind,
    tenant: "" as const,
    name: metadata.name,
    ...status,
  })),
  ...tenants.map(({ kind, metadata, status }) => ({
    kind,
    tenant: metadata.name,
    name: metadata.name,
    ...status,
  })),
  ...subnets.map(({ kind, metadata, status }) => ({
    kind,
    tenant: metadata.namespace,
    name: metadata.name,
    ...status,
  })),
];

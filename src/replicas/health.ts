import type { Incarnation, SubnetName, TenantName } from "../api/names.ts";
import type { FleetMemory, ReplicaMemory, TenantMemory } from "./memory.ts";
import type { Check } from "./spec.ts";

/** Answers in a row; one of the two is 0. */
export interface ProbeCount {
  readonly failures: number;
  readonly successes: number;
}

export type ProbeCounts = ReadonlyMap<Incarnation, ProbeCount>;

const NONE: ProbeCount = { failures: 0, successes: 0 };

/** With one more answer. None at all is the prober's trouble: it says nothing about the replica. */
export function counted(before: ProbeCount = NONE, answer: boolean | undefined): ProbeCount {
  // guard: health is no reason to be without service
  if (answer === undefined) return before;
  return answer
    ? { failures: 0, successes: before.successes + 1 }
    : { failures: before.failures + 1, successes: 0 };
}

/** What a round of probes says of a subnet's replicas. */
export interface Verdict {
  readonly sick: ReadonlySet<Incarnation>;
  readonly well: ReadonlySet<Incarnation>;
  /** So many fail at once that it is rather the prober: none of those that run is taken to be sick. */
  readonly suspected: boolean;
}

/**
 * Judges the serving replicas of a subnet. The prober is suspected when two or more, and more than half of all, fail at once
 * although they run; a subnet of one says nothing about its prober.
 * @param runs whether the look shows it running and linked
 */
export function judge(
  serving: readonly ReplicaMemory[],
  counts: ProbeCounts,
  { failureThreshold, successThreshold }: Pick<Check, "failureThreshold" | "successThreshold">,
  runs: (replica: ReplicaMemory) => boolean,
): Verdict {
  const of = ({ incarnation }: ReplicaMemory): ProbeCount => counts.get(incarnation) ?? NONE;
  const [sick, others] = [serving.filter(isUnhealthy), serving.filter((one) => !isUnhealthy(one))];
  const failing = others.filter((one) => of(one).failures > 0 && runs(one));
  const failed = others.filter((one) => of(one).failures >= failureThreshold);
  // guard: health is no reason to be without service
  const suspected = failed.some(runs) && failing.length > 1 && failing.length * 2 > serving.length;
  return {
    sick: names(failed.filter((one) => !suspected || !runs(one))),
    well: names(sick.filter((one) => of(one).successes >= successThreshold)),
    suspected,
  };
}

const names = (replicas: readonly ReplicaMemory[]): ReadonlySet<Incarnation> =>
  new Set(replicas.map(({ incarnation }) => incarnation));

const isUnhealthy = ({ unhealthySince }: ReplicaMemory): boolean => unhealthySince !== undefined;

/** The fleet's memory with a verdict on a subnet's replicas; the same one when it says nothing new. */
export function withVerdict(
  fleet: FleetMemory,
  { tenant, subnet }: { tenant: TenantName; subnet: SubnetName },
  { sick, well, suspected }: Verdict,
  now: number,
): FleetMemory {
  const memory = fleet.tenants[tenant];
  if (!memory) return fleet;
  const before = memory.suspected ?? [];
  const isNews = memory.replicas.some(({ incarnation }) => sick.has(incarnation) || well.has(incarnation));
  if (!isNews && suspected === before.includes(subnet)) return fleet;
  const others = before.filter((name) => name !== subnet);
  const judged: TenantMemory = {
    ...memory,
    suspected: suspected ? [...others, subnet] : others,
    replicas: memory.replicas.map((one) => {
      if (well.has(one.incarnation)) return recovered(one);
      const falls = sick.has(one.incarnation) && one.phase === "serving";
      return falls ? { unhealthySince: now, ...one } : one;
    }),
  };
  return { ...fleet, tenants: { ...fleet.tenants, [tenant]: judged } };
}

/** A replica of whose health nothing bad is known any more. */
export function recovered(replica: ReplicaMemory): ReplicaMemory {
  const { unhealthySince, ...rest } = replica;
  return unhealthySince === undefined ? replica : rest;
}

/** Those that the balancer points at: the healthy ones that serve, or all that do when none is healthy. */
export function balanced(replicas: readonly ReplicaMemory[]): readonly ReplicaMemory[] {
  // guard: balancer only on the living
  const serving = replicas.filter(({ phase }) => phase === "serving");
  // guard: balancer only on the living
  const healthy = serving.filter((one) => !isUnhealthy(one));
  // guard: health is no reason to be without service
  return healthy.length > 0 ? healthy : serving;
}

import type { FleetName, HypervisorName, Incarnation } from "../api/names.ts";
import type { ReplicaSample, Sample } from "../autoscale/record.ts";
import type { ContainerSummary } from "../facts/facts.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { readMark } from "../resources/marks.ts";
import type { CpuCounter, CpuReading } from "./cpu.ts";

/** The counters of a hypervisor and of the fleet's replicas there, at one moment. */
export interface Reading extends Omit<CpuReading, "containers"> {
  /** Of every running replica; undefined where the counter could not be read. */
  readonly replicas: ReadonlyMap<Incarnation, CpuCounter | undefined>;
}

/** By hypervisor; without those that did not answer. */
export type Readings = ReadonlyMap<HypervisorName, Reading>;

/** The counters by replica, as the containers' marks tell whose they are. */
export function readingOf(
  { containers: counters, ...own }: CpuReading,
  containers: readonly ContainerSummary[],
  fleet: FleetName,
): Reading {
  const replicas = containers.flatMap((container) => {
    const mark = counters.has(container.id) ? readMark(fleet, container) : undefined;
    return mark ? [[mark.incarnation, counters.get(container.id)] as const] : [];
  });
  return { ...own, replicas: new Map(replicas) };
}

/** Seconds between two readings; the clock ticks in hundredths, which would blur the load between closer ones. */
const SHORTEST = 0.4;

/** Seconds from one reading to the next, or why they say nothing about now. */
function elapsed(
  before: Reading | undefined,
  after: Reading | undefined,
  longest: number,
): number | { readonly missing: string } {
  if (!after) return { missing: "its hypervisor gave no sample" };
  if (!before) return { missing: "it is the first sample of its hypervisor" };
  const seconds = after.uptime - before.uptime;
  if (seconds === 0) return { missing: "its hypervisor's clock stands still" };
  if (seconds < 0) return { missing: "its hypervisor was started again" };
  if (seconds < SHORTEST) return { missing: "the sample before was a moment ago" };
  // guard: missing sample
  if (seconds > longest) return { missing: `the sample before is ${Math.round(seconds)} s old` };
  return seconds;
}

/**
 * What a replica used between two readings of its hypervisor ÷ what it may use.
 * @param longest seconds between the readings after which their mean is too old to be called a load
 */
export function replicaLoad(
  { hypervisor, incarnation, nanoCpus }: ReplicaMemory,
  earlier: Readings,
  later: Readings,
  longest: number,
): Sample {
  const [before, after] = [earlier.get(hypervisor), later.get(hypervisor)];
  const seconds = elapsed(before, after, longest);
  if (typeof seconds !== "number") return seconds;
  const [from, to] = [before?.replicas.get(incarnation), after?.replicas.get(incarnation)];
  // guard: missing sample
  if (!to) return { missing: "its counter was not there" };
  if (!from) return { missing: "it is the first sample of it" };
  // guard: missing sample
  if (from.pid !== to.pid || to.used < from.used) return { missing: "its counter began anew" };
  if (nanoCpus <= 0) return { missing: "what it may use is not known" };
  return { ratio: (to.used - from.used) / seconds / nanoCpus };
}

/** What all that runs on a hypervisor used between two readings ÷ what it may use. */
export function hypervisorLoad(
  hypervisor: HypervisorName,
  earlier: Readings,
  later: Readings,
  longest: number,
): Sample {
  const [before, after] = [earlier.get(hypervisor), later.get(hypervisor)];
  const seconds = elapsed(before, after, longest);
  if (typeof seconds !== "number") return seconds;
  const used = (after?.used ?? Number.NaN) - (before?.used ?? Number.NaN);
  const isOneCounter = before?.source === after?.source && used >= 0;
  if (!after || !isOneCounter) return { missing: "its counter began anew" };
  return { ratio: used / 1e9 / seconds / after.cpus };
}

/** The loads of all hypervisors that have one. */
export const hypervisorLoads = (
  earlier: Readings,
  later: Readings,
  longest: number,
): ReadonlyMap<HypervisorName, number> =>
  new Map(
    [...later.keys()].flatMap((name) => {
      const load = hypervisorLoad(name, earlier, later, longest);
      return "ratio" in load ? [[name, load.ratio] as const] : [];
    }),
  );

/** The load of a subnet at one moment. */
export interface SubnetLoad {
  /** Mean over the ready replicas that have a sample; undefined when none has. */
  readonly ratio: number | undefined;
  /** Every ready replica, by ordinal. */
  readonly replicas: readonly ReplicaSample[];
}

/** The load of a subnet's ready replicas between two readings. */
export function subnetLoad(
  serving: readonly ReplicaMemory[],
  earlier: Readings,
  later: Readings,
  longest: number,
): SubnetLoad {
  const replicas = serving
    .toSorted((a, b) => a.ordinal - b.ordinal)
    .map((replica): ReplicaSample => {
      const { incarnation, ordinal, hypervisor } = replica;
      return { incarnation, ordinal, hypervisor, sample: replicaLoad(replica, earlier, later, longest) };
    });
  return { ratio: meanOf(replicas.map(({ sample }) => sample)), replicas };
}

/** The mean of those that have a ratio; undefined when none has, which is not zero. */
export function meanOf(samples: readonly Sample[]): number | undefined {
  const ratios = samples.flatMap((one) => ("ratio" in one ? [one.ratio] : []));
  // guard: missing sample
  return ratios.length === 0 ? undefined : ratios.reduce((sum, one) => sum + one, 0) / ratios.length;
}

import { type FleetName, type HypervisorName, type Incarnation, replicaName, trusted } from "../api/names.ts";
import type { Beside, Loads, LoadSample } from "../autoscale/decision.ts";
import type { ReplicaSample, Sample } from "../autoscale/record.ts";
import type { ContainerSummary } from "../facts/facts.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { readMark } from "../resources/marks.ts";
import { type CollectdMetric, type Figures, figureOf, isCollectdMetric } from "./collectd.ts";
import type { CpuCounter, CpuReading } from "./cpu.ts";
import { type MetricName, METRICS, type Span } from "./metrics.ts";

/** The counters of a hypervisor and of the fleet's replicas there, at one moment. */
export interface Reading extends Omit<CpuReading, "containers"> {
  /** Of every running replica; undefined where the counter could not be read. */
  readonly replicas: ReadonlyMap<Incarnation, CpuCounter | undefined>;
  /** What the collectors in the gateways there heard of replicas, wherever these are. */
  readonly figures: Figures;
}

/** By hypervisor; without those that did not answer. */
export type Readings = ReadonlyMap<HypervisorName, Reading>;

/** What tells whose counters they are. */
export interface Owners {
  readonly containers: readonly ContainerSummary[];
  /** Counters of virtual machines by name, `campus.t2.web-3.k7f2q9ab`. */
  readonly machines: ReadonlyMap<string, CpuCounter>;
  readonly figures: Figures;
  readonly fleet: FleetName;
}

/** The counters by replica, as the containers' marks and the machines' names tell whose they are. */
export function readingOf(
  { containers: counters, ...own }: CpuReading,
  { containers, machines, figures, fleet }: Owners,
): Reading {
  const replicas = new Map<Incarnation, CpuCounter | undefined>();
  for (const container of containers) {
    const mark = counters.has(container.id) ? readMark(fleet, container) : undefined;
    if (mark) replicas.set(mark.incarnation, counters.get(container.id));
  }
  for (const [name, counter] of machines)
    if (name.startsWith(`${fleet}.`)) replicas.set(trusted(name.slice(name.lastIndexOf(".") + 1)), counter);
  return { ...own, replicas, figures };
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

/** @param longest seconds between the readings after which their mean is too old to be called a load */
function spanOf(
  { hypervisor, incarnation }: ReplicaMemory,
  earlier: Readings,
  later: Readings,
  longest: number,
): Span {
  const [before, after] = [earlier.get(hypervisor), later.get(hypervisor)];
  const seconds = elapsed(before, after, longest);
  if (typeof seconds !== "number") return seconds;
  const [from, to] = [before?.replicas.get(incarnation), after?.replicas.get(incarnation)];
  // guard: missing sample
  if (!to) return { missing: "its counter was not there" };
  if (!from) return { missing: "it is the first sample of it" };
  // guard: missing sample
  if (from.pid !== to.pid || to.used < from.used) return { missing: "its counter began anew" };
  return { from, to, seconds };
}

/**
 * What a replica used between two readings of its hypervisor ÷ what it may use.
 * @param longest seconds between the readings after which their mean is too old to be called a load
 */
export const replicaLoad = (
  replica: ReplicaMemory,
  earlier: Readings,
  later: Readings,
  longest: number,
): Sample => METRICS.cpu.of(replica, spanOf(replica, earlier, later, longest));

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
  /** By metric. */
  readonly loads: Loads;
  /** Every ready replica, by ordinal, with its sample of the metric that was asked for first. */
  readonly replicas: readonly ReplicaSample[];
}

/** Between which readings a load is measured. */
export interface Readable {
  readonly earlier: Readings;
  readonly later: Readings;
  /** Seconds between the readings after which their mean is too old to be called a load. */
  readonly longest: number;
}

/** The load of a subnet's ready replicas between two readings, by each of the metrics. */
export function subnetLoad(
  serving: readonly ReplicaMemory[],
  metrics: readonly (MetricName | CollectdMetric)[],
  { earlier, later, longest }: Readable,
): SubnetLoad {
  const spans = serving
    .toSorted((a, b) => a.ordinal - b.ordinal)
    .map((replica) => ({ replica, span: spanOf(replica, earlier, later, longest) }));
  const samplesOf = (metric: MetricName | CollectdMetric): readonly ReplicaSample[] =>
    spans.map(({ replica, span }): ReplicaSample => {
      const { incarnation, ordinal, hypervisor } = replica;
      const sample = isCollectdMetric(metric)
        ? sent(metric, replica, later, longest)
        : METRICS[metric].of(replica, span);
      return { incarnation, ordinal, hypervisor, sample };
    });
  const all = metrics.map((metric) => [metric, samplesOf(metric)] as const);
  return {
    loads: Object.fromEntries(all.map(([metric, samples]) => [metric, loadOf(metric, samples, samplesOf)])),
    replicas: all[0]?.[1] ?? [],
  };
}

/** What a replica's collectd sent, and the collector of its tenant showed, on whichever hypervisor that is. */
function sent(
  metric: CollectdMetric,
  { tenant, subnet, ordinal }: ReplicaMemory,
  readings: Readings,
  longest: number,
): Sample {
  const host = replicaName(subnet, ordinal);
  const figures = [...readings.values()].flatMap((of) => figureOf(of.figures, tenant, host, metric) ?? []);
  const [figure] = figures.toSorted((a, b) => a.seconds - b.seconds);
  // guard: missing sample
  if (!figure) return { missing: "its collectd sent nothing" };
  // guard: missing sample
  if (Math.abs(figure.seconds) > longest)
    return { missing: `what its collectd sent is ${Math.round(figure.seconds)} s old` };
  return { ratio: figure.value };
}

function loadOf(
  metric: MetricName | CollectdMetric,
  samples: readonly ReplicaSample[],
  samplesOf: (metric: MetricName | CollectdMetric) => readonly ReplicaSample[],
): LoadSample {
  const load = {
    ratio: meanOf(samples.map(({ sample }) => sample)),
    complete: samples.every(({ sample }) => "ratio" in sample),
  };
  return metric === "steal" ? { ...load, beside: besides(samples, samplesOf("use")) } : load;
}

/** Steal and own use by hypervisor: whose doing the one is shows only beside the other. */
function besides(steal: readonly ReplicaSample[], use: readonly ReplicaSample[]): readonly Beside[] {
  return [...new Set(steal.map(({ hypervisor }) => hypervisor))].map((hypervisor) => ({
    hypervisor,
    steal: meanOn(hypervisor, steal),
    use: meanOn(hypervisor, use),
  }));
}

const meanOn = (name: HypervisorName, samples: readonly ReplicaSample[]): number =>
  meanOf(samples.filter(({ hypervisor }) => hypervisor === name).map(({ sample }) => sample)) ?? 0;

/** The mean of those that have a ratio; undefined when none has, which is not zero. */
export function meanOf(samples: readonly Sample[]): number | undefined {
  const ratios = samples.flatMap((one) => ("ratio" in one ? [one.ratio] : []));
  // guard: missing sample
  return ratios.length === 0 ? undefined : ratios.reduce((sum, one) => sum + one, 0) / ratios.length;
}

import type { Sample } from "../autoscale/record.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { type CollectdMetric, isCollectdMetric } from "./collectd.ts";
import type { CpuCounter } from "./cpu.ts";

/** What a replica's counters said at both ends of a time, and how long that was; or why they say nothing. */
export type Span =
  | { readonly from: CpuCounter; readonly to: CpuCounter; readonly seconds: number }
  | { readonly missing: string };

/** One way to say how much load a replica has. */
interface Metric {
  readonly of: (replica: ReplicaMemory, span: Span) => Sample;
}

/** CPU time used ÷ what the replica may use. */
const cpu: Metric = {
  of({ nanoCpus }, span) {
    if ("missing" in span) return span;
    if (nanoCpus <= 0) return { missing: "what it may use is not known" };
    return { ratio: (span.to.used - span.from.used) / span.seconds / nanoCpus };
  },
};

/** A part of the time of a virtual machine's CPUs. */
const partOf = (counted: (counter: CpuCounter) => number | undefined): Metric => ({
  of(_, span) {
    if ("missing" in span) return span;
    const { from, to, seconds } = span;
    const [before, after] = [counted(from), counted(to)];
    if (before === undefined || after === undefined || !to.cpus)
      return { missing: "it is no virtual machine" };
    // guard: missing sample
    if (after < before) return { missing: "its counter began anew" };
    return { ratio: (after - before) / seconds / 1e9 / to.cpus };
  },
});

/**
 * How load is measured, by the names that thresholds have; and `use`, what a virtual machine has of its CPUs, beside its
 * steal: both are parts of the same whole, as /proc/stat has them in a guest.
 */
export const METRICS = {
  cpu,
  steal: partOf(({ waited }) => waited),
  use: partOf(({ used }) => used),
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** Metrics that a subnet can be scaled by. */
export const isMetric = (name: string): name is "cpu" | "steal" | CollectdMetric =>
  name === "cpu" || name === "steal" || isCollectdMetric(name);

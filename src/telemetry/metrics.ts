import { Registry } from "prom-client";
import { ChangeMetrics } from "./metrics/changes.ts";
import { ConditionMetrics } from "./metrics/conditions.ts";
import { ReconcileMetrics } from "./metrics/controllers.ts";
import { HypervisorMetrics } from "./metrics/hypervisors.ts";
import { ProcessMetrics } from "./metrics/process.ts";
import { RevisionMetrics } from "./metrics/revision.ts";
import { ScalingMetrics } from "./metrics/scaling.ts";
import { SubnetMetrics } from "./metrics/subnets.ts";
import { QueueMetrics } from "./metrics/workqueue.ts";
import type { Snapshot } from "./snapshot.ts";

export interface MetricsOptions {
  readonly version: string;
  /** All controllers there are; each has a queue of its own name. */
  readonly controllers: readonly string[];
}

/** Everything that is measured. One of it a process. */
export type Metrics = ReturnType<typeof familiesOf> & {
  /** The Content-Type of {@link render}. */
  readonly contentType: string;
  /**
   * Brings everything about objects up to date, then gives the text that Prometheus reads. Whatever the snapshot does not
   * name is gone from it.
   */
  render(snapshot: Snapshot): Promise<string>;
};

/** The list of all families: a new one is one file and one line here. */
const familiesOf = (registry: Registry, { version, controllers }: MetricsOptions) => ({
  reconciles: new ReconcileMetrics(registry, controllers),
  queues: new QueueMetrics(registry, controllers),
  revision: new RevisionMetrics(registry, version),
  hypervisors: new HypervisorMetrics(registry),
  changes: new ChangeMetrics(registry),
  subnets: new SubnetMetrics(registry),
  conditions: new ConditionMetrics(registry),
  scaling: new ScalingMetrics(registry),
  process: new ProcessMetrics(registry),
});

/** Makes a registry with all metrics in it, those that are counted from zero at zero. */
export function openMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const families = familiesOf(registry, options);
  const observe = async (snapshot: Snapshot): Promise<void> => {
    await Promise.all(
      Object.values(families).map(async (family) => {
        if ("observe" in family) await family.observe(snapshot);
      }),
    );
  };
  return {
    ...families,
    contentType: registry.contentType,
    async render(snapshot) {
      await observe(snapshot);
      return registry.metrics();
    },
  };
}

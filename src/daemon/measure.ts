import type { AutoscaleResult, TenantResult } from "../controllers/controller.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ReconcileResult } from "../telemetry/metrics/controllers.ts";

/** In controller-runtime's words. */
const RESULTS: Readonly<Record<TenantResult["state"], ReconcileResult>> = {
  converged: "success",
  stuck: "success",
  waiting: "requeue_after",
  failed: "error",
};

/** Counts what a pass did. `seconds`: how long it took. */
export function measurePass(metrics: Metrics, { tenants }: PassResult, seconds: number): void {
  for (const { state, entries, undone, receipts } of tenants) {
    for (const { began, ended, connectionsCut } of receipts)
      metrics.scaling.drained((ended - began) / 1000, connectionsCut);
    metrics.reconciles.reconciled("tenant", RESULTS[state], seconds);
    metrics.queues.worked("tenant", seconds);
    for (const [list, result] of [
      [entries, "done"],
      [undone, "failed"],
    ] as const)
      for (const { hypervisor, kind, verb } of list)
        metrics.changes.acted({ hypervisor, kind, verb, result });
  }
}

/** Counts what was decided. */
export function measureDecisions(metrics: Metrics, { records }: AutoscaleResult, seconds: number): void {
  metrics.reconciles.reconciled("autoscale", "success", seconds);
  for (const { trace } of records) {
    const { current, desired, verdict, stages } = trace;
    const direction = desired > current ? "out" : desired < current ? "in" : "none";
    const held = stages.find(({ from, to }) => from !== current && to === current);
    metrics.scaling.decided(direction, direction === "none" ? (held?.name ?? verdict) : verdict);
  }
}

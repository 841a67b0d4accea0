import { Counter, Histogram, type Registry } from "prom-client";

/** How a reconcile came out, in controller-runtime's words. */
export type ReconcileResult = "success" | "error" | "requeue" | "requeue_after";

const RESULTS: readonly ReconcileResult[] = ["success", "error", "requeue", "requeue_after"];

/** Seconds: a pass with nothing to do is a round trip, one that drains takes minutes. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** Under controller-runtime's names, so that dashboards and alerts made for it work. */
export class ReconcileMetrics {
  readonly #total: Counter;
  readonly #errors: Counter;
  readonly #time: Histogram;

  /** @param controllers all there are, so that they count from zero */
  constructor(registry: Registry, controllers: readonly string[]) {
    const registers = [registry];
    this.#total = new Counter({
      name: "controller_runtime_reconcile_total",
      help: "Reconciles by controller and how they came out.",
      labelNames: ["controller", "result"],
      registers,
    });
    this.#errors = new Counter({
      name: "controller_runtime_reconcile_errors_total",
      help: "Reconciles by controller that failed.",
      labelNames: ["controller"],
      registers,
    });
    this.#time = new Histogram({
      name: "controller_runtime_reconcile_time_seconds",
      help: "How long a reconcile took.",
      labelNames: ["controller"],
      buckets: BUCKETS,
      registers,
    });
    for (const controller of controllers) {
      this.#errors.inc({ controller }, 0);
      this.#time.zero({ controller });
      for (const result of RESULTS) this.#total.inc({ controller, result }, 0);
    }
  }

  reconciled(controller: string, result: ReconcileResult, seconds: number): void {
    this.#total.inc({ controller, result });
    if (result === "error") this.#errors.inc({ controller });
    this.#time.observe({ controller }, seconds);
  }
}

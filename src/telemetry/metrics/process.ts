import { collectDefaultMetrics, Counter, type Registry } from "prom-client";

/** Named like counters although they are none, which Prometheus' own checks refuse. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** The process itself: memory, CPU, event loop; and what it could not keep. */
export class ProcessMetrics {
  readonly #ledgerErrors: Counter;

  constructor(registry: Registry) {
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
    this.#ledgerErrors = new Counter({
      name: "evenkeel_ledger_write_errors_total",
      help: "Times that the ledger could not be written.",
      registers: [registry],
    });
  }

  ledgerNotWritten(): void {
    this.#ledgerErrors.inc();
  }
}

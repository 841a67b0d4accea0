import { Gauge, type Registry } from "prom-client";
import type { Snapshot } from "../snapshot.ts";
import { type Family, setAll } from "./family.ts";

const STATUSES = ["True", "False", "Unknown"] as const;

/** The conditions of every object, as kube-state-metrics shows those of Kubernetes' objects. */
export class ConditionMetrics implements Family {
  readonly #condition: Gauge;

  constructor(registry: Registry) {
    this.#condition = new Gauge({
      name: "evenkeel_condition",
      help: "Whether the object's condition has this status: 1 or 0.",
      labelNames: ["kind", "tenant", "name", "type", "status"],
      registers: [registry],
    });
  }

  observe({ conditions: objects }: Snapshot): void {
    setAll(
      this.#condition,
      objects.flatMap(({ kind, tenant, name, conditions }) =>
        conditions.flatMap(({ type, status: is }) =>
          STATUSES.map((status) => ({
            labels: { kind, tenant, name, type, status },
            value: Number(status === is),
          })),
        ),
      ),
    );
  }
}

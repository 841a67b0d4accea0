import { Counter, Gauge, type Registry } from "prom-client";
import type { HypervisorName } from "../../api/names.ts";
import type { Snapshot } from "../snapshot.ts";
import { type Family, keepOnly, setAll } from "./family.ts";

/** One change on a hypervisor. */
export interface Action {
  readonly hypervisor: HypervisorName;
  /** A resource's kind: bridge, container. */
  readonly kind: string;
  readonly verb: "add" | "change" | "replace" | "remove";
  readonly result: "done" | "failed";
}

/** What was changed, what differs, and what waits for somebody to let it through. */
export class ChangeMetrics implements Family {
  readonly #actions: Counter;
  readonly #drift: Gauge;
  readonly #refused: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#actions = new Counter({
      name: "evenkeel_actions_total",
      help: "Changes that were made on the hypervisor, or failed there.",
      labelNames: ["hypervisor", "kind", "verb", "result"],
      registers,
    });
    this.#drift = new Gauge({
      name: "evenkeel_drift_resources",
      help: "Resources of the tenant that are not as asked for.",
      labelNames: ["tenant"],
      registers,
    });
    this.#refused = new Gauge({
      name: "evenkeel_deletions_refused",
      help: "Changes of the tenant that wait for approval; of several tenants at once where it is empty.",
      labelNames: ["tenant"],
      registers,
    });
  }

  acted({ hypervisor, kind, verb, result }: Action): void {
    this.#actions.inc({ hypervisor, kind, verb, result });
  }

  async observe({ tenants, hypervisors, fleetRefusals }: Snapshot): Promise<void> {
    setAll(
      this.#drift,
      tenants.map(({ name, drift }) => ({ labels: { tenant: name }, value: drift })),
    );
    setAll(this.#refused, [
      { labels: { tenant: "" }, value: fleetRefusals },
      ...tenants.map(({ name, refusals }) => ({ labels: { tenant: name }, value: refusals })),
    ]);
    await keepOnly(this.#actions, "hypervisor", new Set(hypervisors.map(({ name }) => name)));
  }
}

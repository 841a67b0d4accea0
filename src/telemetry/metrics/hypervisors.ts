import { Gauge, Histogram, type Registry } from "prom-client";
import type { HypervisorName } from "../../api/names.ts";
import type { HypervisorSnapshot, Snapshot } from "../snapshot.ts";
import { type Family, keepOnly, setAll } from "./family.ts";

/** Seconds: a look has a deadline of ten. */
const BUCKETS = [0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 10];

export class HypervisorMetrics implements Family {
  readonly #up: Gauge;
  readonly #lastLook: Gauge;
  readonly #load: Gauge;
  readonly #places: Gauge;
  readonly #looks: Histogram;

  constructor(registry: Registry) {
    const common = { labelNames: ["hypervisor"], registers: [registry] };
    this.#up = new Gauge({
      name: "evenkeel_hypervisor_up",
      help: "Whether the last look at the hypervisor was complete: 1 or 0.",
      ...common,
    });
    this.#lastLook = new Gauge({
      name: "evenkeel_hypervisor_last_look_timestamp_seconds",
      help: "When the hypervisor was last looked at completely, in seconds since the epoch.",
      ...common,
    });
    this.#load = new Gauge({
      name: "evenkeel_hypervisor_load_ratio",
      help: "CPU used on the hypervisor by everybody, of what it has.",
      ...common,
    });
    this.#places = new Gauge({
      name: "evenkeel_hypervisor_places",
      help: "Places for replicas on the hypervisor: used, and free.",
      ...common,
      labelNames: ["hypervisor", "state"],
    });
    this.#looks = new Histogram({
      name: "evenkeel_look_duration_seconds",
      help: "How long a look at the hypervisor took, with the way there and back.",
      buckets: BUCKETS,
      ...common,
    });
  }

  looked(hypervisor: HypervisorName, seconds: number): void {
    this.#looks.observe({ hypervisor }, seconds);
  }

  async observe({ hypervisors }: Snapshot): Promise<void> {
    const by = (value: (one: HypervisorSnapshot) => number | undefined) =>
      hypervisors.map((one) => ({ labels: { hypervisor: one.name }, value: value(one) }));
    setAll(
      this.#up,
      by(({ up }) => Number(up)),
    );
    setAll(
      this.#lastLook,
      by(({ lastLookAt }) => lastLookAt && lastLookAt / 1000),
    );
    setAll(
      this.#load,
      by(({ loadRatio }) => loadRatio),
    );
    setAll(
      this.#places,
      hypervisors.flatMap(({ name, used, capacity }) => [
        { labels: { hypervisor: name, state: "used" }, value: used },
        {
          labels: { hypervisor: name, state: "free" },
          value: used === undefined ? undefined : Math.max(0, capacity - used),
        },
      ]),
    );
    await keepOnly(this.#looks, "hypervisor", new Set(hypervisors.map(({ name }) => name)));
  }
}

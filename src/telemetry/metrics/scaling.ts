import { Counter, Histogram, type Registry } from "prom-client";
import { word } from "./family.ts";

/** Seconds: grace and stop periods are 40 together unless a manifest says otherwise. */
const BUCKETS = [0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300, 900, 3600];

const DIRECTIONS = ["out", "in", "none"] as const;

/** Decisions of the autoscaler, and the drains that come of them. */
export class ScalingMetrics {
  readonly #decisions: Counter;
  readonly #drains: Histogram;
  readonly #cut: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#decisions = new Counter({
      name: "evenkeel_decisions_total",
      help: "Evaluations by the direction that they led to and why, those that led nowhere too.",
      labelNames: ["direction", "reason"],
      registers,
    });
    this.#drains = new Histogram({
      name: "evenkeel_drain_duration_seconds",
      help: "How long a drain took, from out of the balancer to no connection left.",
      buckets: BUCKETS,
      registers,
    });
    this.#cut = new Counter({
      name: "evenkeel_drain_connections_cut_total",
      help: "Connections that were still open when their drain's time was over, and were reset.",
      registers,
    });
  }

  /** @param reason a code out of a fixed set, never a sentence */
  decided(direction: (typeof DIRECTIONS)[number], reason: string): void {
    this.#decisions.inc({ direction, reason: word(reason) });
  }

  drained(seconds: number, connectionsCut: number): void {
    this.#drains.observe(seconds);
    this.#cut.inc(connectionsCut);
  }
}

import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Snapshot } from "../snapshot.ts";
import { type Family, setAll } from "./family.ts";

/** Seconds, from a queue with nothing in it to one that is stuck. */
const BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1000];

/** Under the names of Kubernetes' work queues, so that dashboards and alerts made for them work. */
export class QueueMetrics implements Family {
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #waited: Histogram;
  readonly #worked: Histogram;
  readonly #depth: Gauge;
  readonly #unfinished: Gauge;
  readonly #longest: Gauge;

  /** @param queues all there are, so that they count from zero */
  constructor(registry: Registry, queues: readonly string[]) {
    const common = { labelNames: ["name"], registers: [registry] };
    this.#adds = new Counter({
      name: "workqueue_adds_total",
      help: "Keys that were added to the queue.",
      ...common,
    });
    this.#retries = new Counter({
      name: "workqueue_retries_total",
      help: "Keys that were added again after they failed.",
      ...common,
    });
    this.#waited = new Histogram({
      name: "workqueue_queue_duration_seconds",
      help: "How long a key waited in the queue.",
      buckets: BUCKETS,
      ...common,
    });
    this.#worked = new Histogram({
      name: "workqueue_work_duration_seconds",
      help: "How long a key was worked on.",
      buckets: BUCKETS,
      ...common,
    });
    this.#depth = new Gauge({ name: "workqueue_depth", help: "Keys that wait in the queue.", ...common });
    this.#unfinished = new Gauge({
      name: "workqueue_unfinished_work_seconds",
      help: "How long all keys that are worked on now have been, summed up.",
      ...common,
    });
    this.#longest = new Gauge({
      name: "workqueue_longest_running_processor_seconds",
      help: "How long the key that has been worked on longest has been.",
      ...common,
    });
    for (const name of queues) {
      this.#adds.inc({ name }, 0);
      this.#retries.inc({ name }, 0);
      this.#waited.zero({ name });
      this.#worked.zero({ name });
    }
  }

  added(name: string): void {
    this.#adds.inc({ name });
  }

  retried(name: string): void {
    this.#retries.inc({ name });
  }

  /** A key was taken out to be worked on, after it had waited. */
  waited(name: string, seconds: number): void {
    this.#waited.observe({ name }, seconds);
  }

  worked(name: string, seconds: number): void {
    this.#worked.observe({ name }, seconds);
  }

  observe({ queues }: Snapshot): void {
    const by = (value: (queue: Snapshot["queues"][number]) => number) =>
      queues.map((queue) => ({ labels: { name: queue.name }, value: value(queue) }));
    setAll(
      this.#depth,
      by(({ depth }) => depth),
    );
    setAll(
      this.#unfinished,
      by(({ workingSeconds }) => workingSeconds.reduce((sum, one) => sum + one, 0)),
    );
    setAll(
      this.#longest,
      by(({ workingSeconds }) => Math.max(0, ...workingSeconds)),
    );
  }
}

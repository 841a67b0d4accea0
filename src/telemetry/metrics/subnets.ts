import { Gauge, type Registry } from "prom-client";
import { entriesOf } from "../../api/records.ts";
import type { Snapshot, SubnetSnapshot } from "../snapshot.ts";
import { type Family, type Sample, setAll, word } from "./family.ts";

const one = (value: number | undefined): readonly Sample[] => [{ labels: {}, value }];

/** How many replicas there are and should be, and what the autoscaler goes by. */
export class SubnetMetrics implements Family {
  readonly #gauges: readonly (readonly [Gauge, (subnet: SubnetSnapshot, now: number) => readonly Sample[]])[];

  constructor(registry: Registry) {
    const gauge = (name: string, help: string, ...labels: readonly string[]): Gauge =>
      new Gauge({
        name: `evenkeel_${name}`,
        help,
        labelNames: ["tenant", "subnet", ...labels],
        registers: [registry],
      });
    this.#gauges = [
      [
        gauge("subnet_replicas", "Replicas of the subnet by their state.", "state"),
        ({ replicas }) => entriesOf(replicas).map(([state, value]) => ({ labels: { state }, value })),
      ],
      [
        gauge("subnet_desired_replicas", "Replicas that the subnet should have."),
        ({ desired }) => one(desired),
      ],
      [gauge("subnet_min_replicas", "Replicas that the subnet has at least."), ({ min }) => one(min)],
      [gauge("subnet_max_replicas", "Replicas that the subnet may have."), ({ max }) => one(max)],
      [
        gauge(
          "subnet_load_ratio",
          "Mean load of the subnet's ready replicas, of what they may use; by collectd, in the metric's own unit.",
          "metric",
        ),
        ({ loads }) => Object.entries(loads).map(([metric, value]) => ({ labels: { metric }, value })),
      ],
      [
        gauge(
          "subnet_threshold_ratio",
          "Load below and above which the subnet is scaled.",
          "metric",
          "bound",
        ),
        ({ thresholds }) =>
          Object.entries(thresholds).flatMap(([metric, { min, max }]) => [
            { labels: { metric, bound: "min" }, value: min },
            { labels: { metric, bound: "max" }, value: max },
          ]),
      ],
      [
        gauge("sample_age_seconds", "Age of the oldest sample that the subnet's load is made of."),
        ({ oldestSampleAt }, now) => one(oldestSampleAt && Math.max(0, (now - oldestSampleAt) / 1000)),
      ],
      [
        gauge(
          "scaling_blocked",
          "Always 1; the subnet is not scaled although its load asks for it.",
          "reason",
        ),
        ({ blocked }) => (blocked === undefined ? [] : [{ labels: { reason: word(blocked) }, value: 1 }]),
      ],
      [
        gauge("paused", "Whether the subnet's count is frozen by a pause: 1 or 0."),
        ({ paused }) => one(Number(paused)),
      ],
    ];
  }

  observe({ subnets, now }: Snapshot): void {
    for (const [gauge, samplesOf] of this.#gauges)
      setAll(
        gauge,
        subnets.flatMap((subnet) =>
          samplesOf(subnet, now).map(({ labels, value }) => ({
            labels: { tenant: subnet.tenant, subnet: subnet.name, ...labels },
            value,
          })),
        ),
      );
  }
}

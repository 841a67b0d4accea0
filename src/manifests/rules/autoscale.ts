import { flapping } from "../../autoscale/check.ts";
import { isMetric } from "../../load/metrics.ts";
import type { Fault } from "../fault.ts";
import { type Rule, subnetRule } from "./rule.ts";

const AUTOSCALE = ["spec", "autoscale"];
const THRESHOLDS = [...AUTOSCALE, "thresholds"];

/** How counts follow load. */
export const AUTOSCALE_RULES: readonly Rule[] = [
  subnetRule(["spec.autoscale.thresholds"], ({ spec: { autoscale } }) =>
    Object.keys(autoscale?.thresholds ?? {})
      .filter((metric) => !isMetric(metric))
      .map((metric) => ({
        code: "EK-NOT-YET",
        path: [...THRESHOLDS, metric],
        at: "key",
        message: `not measured by this release, which knows cpu, steal and collectd.TYPE-INSTANCE`,
        suggestion: "leave it out",
      })),
  ),
  subnetRule(["spec.autoscale.thresholds", "spec.workload.runtime"], ({ spec: { autoscale, workload } }) =>
    autoscale?.thresholds["steal"] && workload.runtime !== "libvirt"
      ? [
          {
            code: "EK-FIELD-INVALID",
            path: [...THRESHOLDS, "steal"],
            at: "key",
            message: "is for virtual machines: a container has the hypervisor's own CPUs; use cpu",
          },
        ]
      : [],
  ),
  subnetRule(["spec.autoscale.thresholds"], ({ spec: { autoscale } }) =>
    Object.entries(autoscale?.thresholds ?? {})
      .filter(([, { min, max }]) => min >= max)
      .map(([metric, { min, max }]) => ({
        code: "EK-FIELD-INVALID",
        path: [...THRESHOLDS, metric, "min"],
        message: `must be less than max, which is ${max}; found ${min}`,
      })),
  ),
  subnetRule(["spec.autoscale"], ({ spec: { autoscale } }) =>
    autoscale === undefined || autoscale.windowSeconds >= autoscale.sampleSeconds
      ? []
      : [
          {
            code: "EK-FIELD-INVALID",
            path: [...AUTOSCALE, "windowSeconds"],
            message: `must be at least sampleSeconds, which is ${autoscale.sampleSeconds}; found ${autoscale.windowSeconds}`,
          },
        ],
  ),
  subnetRule(["spec.autoscale", "spec.replicas"], ({ spec: { autoscale, replicas } }) =>
    autoscale === undefined || replicas.min > 0
      ? []
      : [
          {
            code: "EK-FIELD-INVALID",
            path: ["spec", "replicas", "min"],
            message: "must be at least 1 with autoscale, for without a replica there is no load; found 0",
          },
        ],
  ),
  subnetRule(["spec.autoscale", "spec.replicas"], ({ spec: { autoscale, replicas } }) =>
    Object.entries(autoscale?.thresholds ?? {})
      .filter(([, { min, max }]) => min < max)
      .flatMap(([metric, band]): readonly Fault[] => {
        const flaps = flapping(band, autoscale?.step ?? 1, replicas);
        if (!flaps) return [];
        const left = Number(flaps.left.toFixed(1));
        const trace = `${metric} just above ${band.max} on ${flaps.few} replicas is ${left} on ${flaps.many}, and that is below min`;
        return [
          {
            severity: "warning",
            code: "EK-FLAPPING",
            path: [...THRESHOLDS, metric, "min"],
            message: `should be at most ${left}, found ${band.min}: ${trace}`,
            suggestion: "until then a scale-in that load would undo at once is held",
          },
        ];
      }),
  ),
];

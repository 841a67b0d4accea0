import { type HypervisorName, type Incarnation, type SubnetName, trusted } from "../../src/api/names.ts";
import { decide } from "../../src/autoscale/decide.ts";
import type { ScalingObservation } from "../../src/autoscale/decision.ts";
import type { Policy } from "../../src/autoscale/policy.ts";
import type { DecisionRecord, ReplicaSample, Sample } from "../../src/autoscale/record.ts";
import { T2 } from "./scenario.ts";

export const NOW = Date.UTC(2026, 10, 24, 14, 3, 20);
export const time = (at: number): string => new Date(at).toISOString().slice(11, 19);
/** A narrow band, which is left soon. */
export const POLICY: Policy = {
  mode: "auto",
  scaleOnContention: false,
  thresholds: { cpu: { min: 0.05, max: 0.1 } },
  step: 1,
  samples: 3,
  window: 15_000,
  cooldown: 60_000,
  pause: undefined,
  min: 2,
  max: 6,
  quota: 40,
};
const HV2 = trusted<HypervisorName>("hv2");
const room = [
  {
    hypervisor: HV2,
    reasons: ["hv1: load 11.8 % ≥ its max 10 %"],
    because: "load 2.1 % < 5 %, 38 places free, 0.02 a replica-hour",
  },
];

/** A decision on a subnet whose replicas show these samples, as policy and observation are changed. */
export function record(
  samples: readonly Sample[],
  policy: Partial<Policy> = {},
  change: Partial<ScalingObservation> = {},
): DecisionRecord {
  const ratios = samples.flatMap((one) => ("ratio" in one ? [one.ratio] : []));
  const ratio = ratios.length === 0 ? undefined : ratios.reduce((a, b) => a + b, 0) / ratios.length;
  const loads = { cpu: { ratio, complete: ratios.length === samples.length } };
  const replicas = samples.map(
    (sample, index): ReplicaSample => ({
      incarnation: trusted<Incarnation>(`aaaaaaa${index}`),
      ordinal: index + 1,
      hypervisor: index < 3 ? trusted("hv1") : HV2,
      sample,
    }),
  );
  const seen: ScalingObservation = {
    current: samples.length,
    loads,
    serving: new Map(samples.map((_, index) => [index + 1, 0])),
    others: 0,
    room,
    ...change,
  };
  const window = ratio === undefined ? [] : [loads, loads];
  const { trace } = decide({ ...POLICY, ...policy }, seen, { window, last: undefined }, NOW);
  return { tenant: T2, subnet: trusted<SubnetName>("web"), trace, replicas };
}
export const each = (...ratios: number[]): Sample[] => ratios.map((ratio) => ({ ratio }));

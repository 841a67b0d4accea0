import type { Autoscale, SubnetSpec, TenantSpec } from "../api/kinds.gen.ts";

/** The band in which a load is left alone: ratios, not percent. */
export interface Band {
  readonly min: number;
  readonly max: number;
}

/** How one subnet's count follows its load: its document in the units of the code. */
export interface Policy {
  readonly mode: Autoscale["mode"];
  /** By metric. */
  readonly thresholds: Readonly<Record<string, Band>>;
  /** Whether steal that is a neighbour's doing is a reason to grow. */
  readonly scaleOnContention: boolean;
  /** Replicas added or taken away at once. */
  readonly step: number;
  /** How many samples a window has: ⌈windowSeconds ÷ sampleSeconds⌉. */
  readonly samples: number;
  /** Milliseconds. */
  readonly window: number;
  readonly cooldown: number;
  readonly pause: { readonly reason: string; readonly until: number | undefined } | undefined;
  /** Replicas at least and at most. */
  readonly min: number;
  readonly max: number;
  /** Replicas that all subnets of the tenant may have together. */
  readonly quota: number;
}

/** Metrics that manifests give in percent; others have units of their own. */
const IN_PERCENT: ReadonlySet<string> = new Set(["cpu", "memory", "steal"]);

/** Whether manifests give a metric in percent. */
export const isInPercent = (metric: string): boolean => IN_PERCENT.has(metric);

/** Manifests say percent, everything else says ratio: this is where one becomes the other. */
export const ratioOf = (percent: number): number => percent / 100;

/** A ratio for people, in percent with at most one decimal: `12.4 %`. */
export const percent = (ratio: number): string => `${Number((ratio * 100).toFixed(1))} %`;

/** A metric's value for people, in the unit that manifests give it in. */
export const showLoad = (metric: string, value: number): string =>
  IN_PERCENT.has(metric) ? percent(value) : String(Number(value.toFixed(1)));

/** A metric's value as manifests give it, with at most one decimal. */
export const inManifestUnit = (metric: string, value: number): number =>
  Number((IN_PERCENT.has(metric) ? value * 100 : value).toFixed(1));

/** What two documents say about a subnet's count; undefined for a subnet that does not follow its load. */
export function policyOf(
  { autoscale, replicas }: Pick<SubnetSpec, "autoscale" | "replicas">,
  { quota }: Pick<TenantSpec, "quota">,
): Policy | undefined {
  if (!autoscale) return undefined;
  const { mode, thresholds, step, sampleSeconds, windowSeconds, cooldownSeconds, pause, scaleOnContention } =
    autoscale;
  return {
    mode,
    thresholds: Object.fromEntries(
      Object.entries(thresholds).map(([metric, { min, max }]) => [
        metric,
        IN_PERCENT.has(metric) ? { min: ratioOf(min), max: ratioOf(max) } : { min, max },
      ]),
    ),
    step,
    scaleOnContention,
    samples: Math.ceil(windowSeconds / sampleSeconds),
    window: windowSeconds * 1000,
    cooldown: cooldownSeconds * 1000,
    pause: pause && {
      reason: pause.reason,
      until: pause.until === undefined ? undefined : Date.parse(pause.until),
    },
    min: replicas.min,
    max: replicas.max,
    quota: quota.replicas,
  };
}

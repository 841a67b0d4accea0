import type { Loads, LoadSample, MetricTrace, Question, Verdict } from "./decision.ts";

/** The newest samples up to one window, the one just taken included. */
export const windowOf = ({ policy, observation, memory }: Question): readonly Loads[] =>
  [...memory.window, observation.loads].slice(-policy.samples);

/** What the window of each metric says. Comparisons are strict; a sample that is missing leaves the window not full. */
export function metricsOf(question: Question): MetricTrace[] {
  const window = windowOf(question);
  const { samples: of, thresholds } = question.policy;
  return Object.entries(thresholds).map(([metric, band]) => {
    const samples = window.map((loads) => loads[metric]);
    // guard: missing sample
    const ratios = samples.flatMap((sample) => usable(sample) ?? []);
    const above = ratios.filter((ratio) => ratio > band.max).length;
    const below = ratios.filter((ratio) => ratio < band.min).length;
    const isWhole = samples.every((sample) => sample?.complete);
    const verdict = (): Verdict => {
      if (ratios.length < of) return "unknown";
      if (above === of) return "out";
      // guard: missing sample
      if (below === of) return isWhole ? "in" : "unknown";
      return "idle";
    };
    return {
      metric,
      ...band,
      verdict: verdict(),
      ratio: usable(question.observation.loads[metric]),
      known: ratios.length,
      above,
      below,
      of,
    };
  });
}

/** Out if any metric says so, in only if all do. */
export function verdictOf(metrics: readonly MetricTrace[]): Verdict {
  const verdicts = metrics.map(({ verdict }) => verdict);
  if (verdicts.includes("out")) return "out";
  if (verdicts.includes("unknown") || verdicts.length === 0) return "unknown";
  return verdicts.every((verdict) => verdict === "in") ? "in" : "idle";
}

const usable = (sample: LoadSample | undefined): number | undefined =>
  sample?.ratio !== undefined && Number.isFinite(sample.ratio) && sample.ratio >= 0
    ? sample.ratio
    : undefined;

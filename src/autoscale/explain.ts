import { replicaName } from "../api/names.ts";
import type { Counterfactual, Stage, Trace } from "./decision.ts";
import { percent, showLoad } from "./policy.ts";
import type { DecisionRecord } from "./record.ts";
import { conditionsText, sentence, type ShowTime, stageText } from "./sentence.ts";

/** Columns of a line, and of what stands before its text. */
const WIDTH = 80;
const INDENT = 15;

/** One decision as `why` tells it: the answer, the numbers and stages that it came from, and what would lead on. */
export function explain(record: DecisionRecord, time: ShowTime): string[] {
  const { trace, subnet } = record;
  const { placements, otherwise, nextOut, nextIn, desired, current } = trace;
  const isChanged = desired !== current;
  const goesFirst = nextIn && `; ${replicaName(subnet, desired)} goes first`;
  return [
    ...wrap("", sentence(record, time), 0),
    ...wrap("  load", loadText(record)),
    ...byHypervisor(record).flatMap((text) => wrap("", text)),
    ...trace.stages.flatMap((stage) =>
      wrap(`  ${markOf(stage, trace)} ${stage.name}`, stageText(stage, time)),
    ),
    ...placements
      .flatMap(({ hypervisor, reasons, because }, index) => [
        ...(index === 0 ? reasons.map((reason) => `✗ ${reason.replace(": ", " ")}`) : []),
        ...(hypervisor === undefined ? [] : [`✓ ${hypervisor} ${because}`]),
      ])
      .flatMap((text, index) => wrap(index === 0 ? "  where" : "", text)),
    ...(isChanged && otherwise
      ? wrap("Otherwise:", `${conditionsText(otherwise, time)} it would have stayed at ${current}`)
      : []),
    ...(nextOut ? wrap("Next out:", next(nextOut, desired, time)) : []),
    ...(nextIn ? wrap("Next in:", `${next(nextIn, desired, time)}${goesFirst}`) : []),
  ];
}

function loadText({ trace: { metrics }, replicas }: DecisionRecord): string {
  const sampled = replicas.filter(({ sample }) => "ratio" in sample).length;
  const loads = metrics.map(({ metric, ratio }) => (ratio === undefined ? "none" : showLoad(metric, ratio)));
  return `${loads.join(", ")} = mean of ${sampled}/${replicas.length} ready replicas`;
}

/** `hv1: 13.1 12.9`, in percent; and why one has no number. */
function byHypervisor({ replicas, subnet }: DecisionRecord): string[] {
  const names = [...new Set(replicas.map(({ hypervisor }) => hypervisor))];
  const texts = names.map((name) => {
    const here = replicas.filter(({ hypervisor }) => hypervisor === name);
    const ratios = here.map(({ sample }) =>
      "ratio" in sample ? percent(sample.ratio).replace(" %", "") : "?",
    );
    return `${name}: ${ratios.join(" ")}`;
  });
  const missing = replicas.flatMap(({ ordinal, sample }) =>
    "missing" in sample ? [`${replicaName(subnet, ordinal)} has no sample: ${sample.missing}`] : [],
  );
  return [...(texts.length > 0 ? [texts.join("    ")] : []), ...missing];
}

/** ✓ let the count pass · ✗ held it · – has nothing to hold now. */
function markOf({ name, from, to }: Stage, { current, verdict }: Trace): "✓" | "✗" | "–" {
  if (name === "window") return verdict === "unknown" ? "✗" : "✓";
  if (from === to) return name === "pause" ? "–" : "✓";
  return to === current ? "✗" : "✓";
}

/** `5 → 6 at cpu > 10 %, not before 14:04:20`. */
const next = (what: Counterfactual, from: number, time: ShowTime): string =>
  `${from} → ${what.to} ${conditionsText(what, time)}`;

/** Fills lines with words; the text stands behind its label, `indent` columns in. */
function wrap(label: string, text: string, indent = INDENT): string[] {
  const [first = "", ...words] = text.split(" ");
  const lines = [label.padEnd(indent) + first];
  for (const word of words) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length <= WIDTH) lines.splice(-1, 1, line);
    else lines.push(" ".repeat(indent) + word);
  }
  return lines;
}

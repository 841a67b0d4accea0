import { replicaName } from "../api/names.ts";
import type { Counterfactual, Stage, StageName, Trace } from "./decision.ts";
import type { Placement } from "./place.ts";
import { showLoad } from "./policy.ts";
import type { DecisionRecord } from "./record.ts";
import { conditionsText, sentence, type ShowTime, stageText } from "./sentence.ts";

/** Columns of a line, and of what stands before its text. */
const WIDTH = 80;
const INDENT = 15;

/** What is told with a decision, where somebody knows it. */
export interface Surroundings {
  /** Where what a stage goes by is written: `web.yaml:15`. */
  readonly places?: Partial<Readonly<Record<StageName, string>>>;
  /** The changes before it, the newest first. */
  readonly before?: readonly DecisionRecord[];
}

/** One decision as `why` tells it: the answer, the numbers and stages that it came from, and what would lead on. */
export function explain(
  record: DecisionRecord,
  time: ShowTime,
  { places = {}, before = [] }: Surroundings = {},
): string[] {
  const { trace, subnet } = record;
  const { otherwise, nextOut, nextIn, desired, current } = trace;
  const isChanged = desired !== current;
  const goesFirst = nextIn && `; ${replicaName(subnet, desired)} goes first`;
  return [
    ...labelled("", sentence(record, time), 0),
    ...labelled("  load", loadText(record)),
    ...byHypervisor(record).flatMap((text) => labelled("", text)),
    ...trace.stages.flatMap((stage) =>
      placed(labelled(`  ${markOf(stage, trace)} ${stage.name}`, stageText(stage, time)), places[stage.name]),
    ),
    ...explainPlacements(trace.placements),
    ...(isChanged && otherwise
      ? labelled("Otherwise:", `${conditionsText(otherwise, time)} it would have stayed at ${current}`)
      : []),
    ...(nextOut ? labelled("Next out:", next(nextOut, desired, time)) : []),
    ...(nextIn ? labelled("Next in:", `${next(nextIn, desired, time)}${goesFirst}`) : []),
    ...(before.length > 0
      ? labelled("Before this:", before.map((one) => changeText(one, time)).join(" · "))
      : []),
  ];
}

/** Where replicas went, and what was said of the others. */
export const explainPlacements = (placements: readonly Placement[]): string[] =>
  placements
    .flatMap(({ hypervisor, reasons, because }, index) => [
      ...(index === 0 ? reasons.map((reason) => `✗ ${reason.replace(": ", " ")}`) : []),
      ...(hypervisor === undefined ? [] : [`✓ ${hypervisor} ${because}`]),
    ])
    .flatMap((text, index) => labelled(index === 0 ? "  where" : "", text));

/** `13:58:02 3→4 hv1`: when, from how many to how many, and where those went that came. */
function changeText({ trace: { at, current, desired, placements } }: DecisionRecord, time: ShowTime): string {
  const where = placements
    .slice(0, Math.max(desired - current, 0))
    .flatMap(({ hypervisor }) => hypervisor ?? []);
  return [`${time(at)} ${current}→${desired}`, ...where].join(" ");
}

/** Puts a place at the right margin. */
function placed(lines: readonly string[], place: string | undefined): string[] {
  const last = lines.at(-1) ?? "";
  if (place === undefined) return [...lines];
  if (last.length + 2 + place.length > WIDTH) return [...lines, place.padStart(WIDTH)];
  return [...lines.slice(0, -1), last + place.padStart(WIDTH - last.length)];
}

function loadText({ trace: { metrics }, replicas }: DecisionRecord): string {
  const sampled = replicas.filter(({ sample }) => "ratio" in sample).length;
  const loads = metrics.map(({ metric, ratio }) => (ratio === undefined ? "none" : showLoad(metric, ratio)));
  return `${loads.join(", ")} = mean of ${sampled}/${replicas.length} ready replicas`;
}

/** `hv1: 13.1 12.9`, in the unit of the first metric; and why one has no number. */
function byHypervisor({ replicas, subnet, trace: { metrics } }: DecisionRecord): string[] {
  const metric = metrics[0]?.metric ?? "";
  const names = [...new Set(replicas.map(({ hypervisor }) => hypervisor))];
  const texts = names.map((name) => {
    const here = replicas.filter(({ hypervisor }) => hypervisor === name);
    const ratios = here.map(({ sample }) =>
      "ratio" in sample ? showLoad(metric, sample.ratio).replace(" %", "") : "?",
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
export function labelled(label: string, text: string, indent = INDENT): string[] {
  const [first = "", ...words] = text.split(" ");
  const lines = [label.padEnd(indent) + first];
  for (const word of words) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length <= WIDTH) lines.splice(-1, 1, line);
    else lines.push(" ".repeat(indent) + word);
  }
  return lines;
}

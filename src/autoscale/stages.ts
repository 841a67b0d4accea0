import type { Condition, MetricTrace, Question, Stage, StageName, Verdict } from "./decision.ts";
import { percent, showLoad } from "./policy.ts";
import { metricsOf, verdictOf } from "./window.ts";

/** A question, with what its window says. */
interface Case extends Question {
  readonly metrics: readonly MetricTrace[];
  readonly verdict: Verdict;
}

/** What a stage makes of a count; undefined when it has nothing to say. */
type Answer = Omit<Stage, "name" | "from"> | undefined;

/** An answer, and how it came about. */
export interface Evaluation {
  readonly desired: number;
  readonly verdict: Verdict;
  readonly metrics: readonly MetricTrace[];
  readonly stages: readonly Stage[];
}

/** Sends the count through all stages. */
export function evaluate(question: Question): Evaluation {
  const metrics = metricsOf(question);
  const verdict = verdictOf(metrics);
  const stages: Stage[] = [];
  let count = question.observation.current;
  for (const [name, stage] of STAGES) {
    const answer = stage({ ...question, metrics, verdict }, count);
    if (!answer) continue;
    stages.push({ name, from: count, ...answer });
    count = answer.to;
  }
  return { desired: count, verdict, metrics, stages };
}

/** The highest load at which `to` of `from` replicas would not at once be above the maximum, evenly divided. */
export const loadLeft = ({ max }: { readonly max: number }, from: number, to: number): number =>
  (max * Math.max(to, 0)) / from;

function window({ observation: { current }, policy: { step }, verdict, metrics }: Case): Answer {
  if (verdict === "out") {
    const texts = metrics.filter((one) => one.verdict === "out").map((one) => describe(one, ">", one.max));
    return { to: current + step, reason: texts.join(", ") };
  }
  if (verdict === "in")
    return { to: current - step, reason: metrics.map((one) => describe(one, "<", one.min)).join(", ") };
  return { to: current, reason: metrics.map(describeIdle).join(", ") };
}

const describe = ({ metric, ratio = 0, of }: MetricTrace, is: string, bound: number): string =>
  `${metric} ${showLoad(metric, ratio)} ${is} ${showLoad(metric, bound)} in ${of} of ${of} samples`;

function describeIdle({ metric, ratio, known, above, below, of, min, max }: MetricTrace): string {
  const load = ratio === undefined ? "has no sample" : showLoad(metric, ratio);
  if (known < of) return `${metric} ${load}, ${known} of ${of} samples known`;
  if (below === of) return `${metric} ${load}, but some ready replicas have no sample`;
  const between = `between ${showLoad(metric, min)} and ${showLoad(metric, max)}`;
  if (above + below === 0) return `${metric} ${load}, ${between}`;
  const where =
    above > 0 ? `above ${showLoad(metric, max)} in ${above}` : `below ${showLoad(metric, min)} in ${below}`;
  return `${metric} ${load}, ${where} of ${of} samples`;
}

/** Own use and steal together, from which on a virtual machine's CPUs are what it is short of. */
const DEMAND = 0.8;

/**
 * Steal alone does not tell whose doing it is. Where the own CPUs are asked for, own use and steal together are nearly all
 * of them, and more replicas help; where the own use is low, a neighbour has taken the rest, and they would only wait too.
 */
function contention({ observation, policy, metrics }: Case, count: number): Answer {
  const out = metrics.filter((one) => one.verdict === "out");
  const beside = observation.loads["steal"]?.beside;
  if (count <= observation.current || out.some(({ metric }) => metric !== "steal") || !beside?.length)
    return undefined;
  const mean = beside.reduce((sum, { steal, use }) => sum + steal + use, 0) / beside.length;
  const worst = beside.toSorted((a, b) => b.steal - a.steal)[0];
  const shares = `steal ${percent(worst?.steal ?? 0)}, own use ${percent(worst?.use ?? 0)}`;
  if (mean >= DEMAND) return { to: count, reason: `demand on ${worst?.hypervisor} (${shares})` };
  const reason = `contention on ${worst?.hypervisor} (${shares})`;
  if (policy.scaleOnContention) return { to: count, reason: `${reason}, and scaleOnContention is set` };
  return {
    to: observation.current,
    reason: `${reason}, a neighbour's doing`,
    unless: { what: "contention" },
  };
}

/** A scale-in that load would undo at once. */
function projection({ observation: { current }, policy, metrics }: Case, count: number): Answer {
  const to = Math.max(count, policy.min);
  if (to >= current) return undefined;
  const over = metrics.find((one) => (one.ratio ?? 0) > loadLeft(one, current, to));
  if (!over) return undefined;
  const { metric, ratio = 0, max } = over;
  const expected = to > 0 ? showLoad(metric, (ratio * current) / to) : "all of it";
  return {
    to: current,
    reason: `${to} would have ${metric} ${expected} > ${showLoad(metric, max)} at once`,
    unless: { what: "load", metric, is: "≤", ratio: loadLeft(over, current, to) },
  };
}

/** What was added last has to show first what it changes. */
function readiness({ observation, policy, memory: { last }, now }: Case, count: number): Answer {
  const { current, serving } = observation;
  if (count <= current || !last || last.to < last.from) return undefined;
  const added = ordinals(last.from, Math.min(last.to, current));
  const missing = added.find((ordinal) => !serving.has(ordinal));
  if (missing !== undefined)
    return {
      to: current,
      reason: `number ${missing}, which was added last, is not ready`,
      unless: { what: "ready" },
    };
  const until = Math.max(...added.map((ordinal) => serving.get(ordinal) ?? 0)) + policy.window;
  if (now >= until) return undefined;
  return {
    to: current,
    reason: "what was added last has not been ready for one window",
    until,
    unless: { what: "time", at: until },
  };
}

/** The ordinals above `from` up to `to`. */
export const ordinals = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(to - from, 0) }, (_, index) => from + index + 1);

function cooldown({ observation: { current }, policy, memory: { last }, now }: Case, count: number): Answer {
  if (count >= current || !last) return undefined;
  const until = last.at + policy.cooldown;
  if (now >= until) return undefined;
  const reason = `the cooldown of ${policy.cooldown / 1000} s after ${last.from} → ${last.to} is not over`;
  return { to: current, reason, until, unless: { what: "time", at: until } };
}

const ALLOWS = {
  auto: ["out", "in"],
  outOnly: ["out"],
  inOnly: ["in"],
  recommend: [],
  off: [],
} as const satisfies Record<Question["policy"]["mode"], readonly ("out" | "in")[]>;

function mode({ observation: { current }, policy }: Case, count: number): Answer {
  const allowed: readonly string[] = ALLOWS[policy.mode];
  if (count === current || allowed.includes(count > current ? "out" : "in")) return undefined;
  return {
    to: current,
    reason: `mode is ${policy.mode}`,
    unless: { what: "mode" },
  };
}

function pause({ observation: { current }, policy, now }: Case): Answer {
  if (!policy.pause) return undefined;
  const { reason, until } = policy.pause;
  if (until === undefined) return { to: current, reason: `paused: ${reason}`, unless: { what: "pause" } };
  if (now >= until) return undefined;
  return { to: current, reason: `paused: ${reason}`, until, unless: { what: "time", at: until } };
}

function quota({ observation: { current, others }, policy }: Case, count: number): Answer {
  // guard: tenant boundary
  const to = Math.max(current, Math.min(count, policy.quota - others));
  if (count <= current || to === count) return undefined;
  return {
    to,
    reason: `the tenant's quota is ${policy.quota}, of which its other subnets have ${others}`,
    unless: { what: "quota", value: others + current + 1 },
  };
}

/** Always inside, whatever was said before. */
function bounds({ observation: { current }, policy: { min, max } }: Case, count: number): Answer {
  // guard: tenant boundary
  const to = Math.min(Math.max(count, min), max);
  if (to === count) return count === current ? undefined : { to, reason: `${min} ≤ ${to} ≤ ${max}` };
  const unless: Condition =
    count > to ? { what: "max", value: current + 1 } : { what: "min", value: current - 1 };
  return { to, reason: count > to ? `replicas.max is ${max}` : `replicas.min is ${min}`, unless };
}

/** Asks for no more than can be placed, but never for less than the minimum: that is what a condition is for. */
function placement({ observation: { current, room }, policy: { min } }: Case, count: number): Answer {
  if (count <= current) return undefined;
  const asked = room.slice(0, count - current);
  const granted = asked.filter(({ hypervisor }) => hypervisor !== undefined).length;
  const to = Math.max(Math.min(count, current + granted), Math.min(count, Math.max(current, min)));
  if (to === count) return { to, reason: `granted ${granted} of ${asked.length}` };
  const reasons = asked.at(-1)?.reasons ?? [];
  return { to, reason: `nowhere to place it: ${reasons.join("; ")}`, unless: { what: "room" } };
}

const STAGES: readonly (readonly [StageName, (of: Case, count: number) => Answer])[] = [
  ["window", window],
  ["contention", contention],
  ["projection", projection],
  ["readiness", readiness],
  ["cooldown", cooldown],
  ["mode", mode],
  ["pause", pause],
  ["quota", quota],
  ["bounds", bounds],
  ["placement", placement],
];

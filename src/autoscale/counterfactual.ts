import { trusted } from "../api/names.ts";
import type { Condition, Counterfactual, LoadSample, MetricTrace, Question } from "./decision.ts";
import type { Placement } from "./place.ts";
import { evaluate, loadLeft, ordinals } from "./stages.ts";

/** The same question, were the conditions so. */
export const suppose = (question: Question, conditions: readonly Condition[]): Question =>
  conditions.reduce(supposeOne, question);

function supposeOne(question: Question, condition: Condition): Question {
  const { policy, observation, memory, now } = question;
  switch (condition.what) {
    case "load": {
      const sample: LoadSample = { ratio: valueThatIs(condition), complete: true };
      const before = memory.window.length - (policy.samples - 1);
      const all = Array.from(
        { length: policy.samples - 1 },
        (_, index) => memory.window[before + index] ?? {},
      );
      return {
        ...question,
        observation: { ...observation, loads: { ...observation.loads, [condition.metric]: sample } },
        memory: { ...memory, window: all.map((loads) => ({ ...loads, [condition.metric]: sample })) },
      };
    }
    case "time":
      return { ...question, now: Math.max(now, condition.at) };
    case "ready": {
      const serving = new Map(observation.serving);
      for (const ordinal of ordinals(0, observation.current)) serving.set(ordinal, now - policy.window);
      return { ...question, observation: { ...observation, serving } };
    }
    case "mode":
      return { ...question, policy: { ...policy, mode: "auto" } };
    case "pause":
      return { ...question, policy: { ...policy, pause: undefined } };
    case "contention":
      return { ...question, policy: { ...policy, scaleOnContention: true } };
    case "quota":
      return { ...question, policy: { ...policy, quota: condition.value } };
    case "min":
      return { ...question, policy: { ...policy, min: condition.value } };
    case "max":
      return { ...question, policy: { ...policy, max: condition.value } };
    case "room":
      return { ...question, observation: { ...observation, room: [SOMEWHERE, ...observation.room] } };
  }
}

const SOMEWHERE: Placement = { hypervisor: trusted("?"), reasons: [], because: "somebody has room" };

/** Beside a bound by less than anybody measures. */
const HAIR = 1e-12;

const valueThatIs = ({ is, ratio }: Extract<Condition, { what: "load" }>): number =>
  is === ">" ? ratio * (1 + HAIR) : is === "<" ? ratio * (1 - HAIR) : ratio;

/** More blockers than there are stages to block. */
const ROUNDS = 12;

/**
 * What it takes to go that way: the load that points there, and one after another whatever then still holds the count.
 * Undefined when nothing would.
 */
export function toward(direction: "out" | "in", question: Question): Counterfactual | undefined {
  const { current } = question.observation;
  const { verdict, metrics } = evaluate(question);
  let conditions: readonly Condition[] = verdict === direction ? [] : pointing(direction, metrics);
  for (let round = 0; round < ROUNDS; round++) {
    const { desired, stages } = evaluate(suppose(question, conditions));
    if (direction === "out" ? desired > current : desired < current) return { if: conditions, to: desired };
    const held = stages.find(({ from, to, unless }) => from !== current && to === current && unless);
    if (!held?.unless || (held.unless.what === "min" && held.unless.value < 1)) return undefined;
    conditions = including(conditions, held.unless);
  }
  return undefined;
}

/** The load at which a count that was changed by load would have stayed; undefined when load changed nothing. */
export function staying(question: Question, desired: number): Counterfactual | undefined {
  const { current } = question.observation;
  const { verdict, metrics } = evaluate(question);
  if (verdict === "out" && desired > current) {
    const reached = metrics.filter((one) => one.verdict === "out");
    return { if: reached.map(({ metric, max }) => load(metric, "≤", max)), to: current };
  }
  if (verdict !== "in" || desired >= current) return undefined;
  const limits = metrics.map((one) => {
    const left = loadLeft(one, current, desired);
    return left < one.min ? load(one.metric, ">", left) : load(one.metric, "≥", one.min);
  });
  const [limit] = limits.toSorted((a, b) => distance(a, metrics) - distance(b, metrics));
  return limit && { if: [limit], to: current };
}

/** Of several, the one whose load is nearest to what it is; those without a load first. */
export function nearest(
  question: Question,
  all: readonly (Counterfactual | undefined)[],
): Counterfactual | undefined {
  const { metrics } = evaluate(question);
  const far = ({ if: conditions }: Counterfactual): number =>
    Math.max(0, ...conditions.map((one) => (one.what === "load" ? distance(one, metrics) : 0)));
  return all.filter((one) => one !== undefined).toSorted((a, b) => far(a) - far(b))[0];
}

type LoadCondition = Extract<Condition, { what: "load" }>;

const load = (metric: string, is: LoadCondition["is"], ratio: number): LoadCondition => ({
  what: "load",
  metric,
  is,
  ratio,
});

/** How far the load is from there; nothing is far where there is no load. */
function distance({ metric, ratio }: LoadCondition, metrics: readonly MetricTrace[]): number {
  const now = metrics.find((one) => one.metric === metric)?.ratio;
  return now === undefined ? 0 : Math.abs(now - ratio);
}

/** Out takes one metric, and the nearest is enough; in takes all of them. */
function pointing(direction: "out" | "in", metrics: readonly MetricTrace[]): readonly Condition[] {
  if (direction === "in")
    return metrics.filter((one) => one.verdict !== "in").map(({ metric, min }) => load(metric, "<", min));
  return metrics
    .map(({ metric, max }) => load(metric, ">", max))
    .toSorted((a, b) => distance(a, metrics) - distance(b, metrics))
    .slice(0, 1);
}

/** Of two conditions on the same thing the later is the stricter one. */
const including = (conditions: readonly Condition[], added: Condition): readonly Condition[] => [
  ...conditions.filter(
    (one) =>
      one.what !== added.what ||
      (one.what === "load" && added.what === "load" && one.metric !== added.metric),
  ),
  added,
];

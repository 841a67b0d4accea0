import type { Condition, Counterfactual, MetricTrace, Stage, Trace } from "./decision.ts";
import { showLoad } from "./policy.ts";
import type { DecisionRecord } from "./record.ts";

/** A time of day as its reader says it; depends on where that is, so it is the caller's. */
export type ShowTime = (milliseconds: number) => string;

/** One decision as one sentence, for tables and events. */
export function sentence({ subnet, trace }: DecisionRecord, time: ShowTime): string {
  const { current, desired, at, stages, verdict, otherwise, metrics } = trace;
  const bounded = stages.find(({ name, to }) => name === "bounds" && to === desired);
  if (desired !== current) {
    const isByLoad = desired > current ? verdict === "out" : verdict === "in";
    const because = isByLoad ? crossed(metrics, verdict) : (bounded?.reason ?? "");
    return `${subnet} went from ${current} to ${desired} replicas at ${time(at)}: ${because}.`;
  }
  if (verdict === "idle" || verdict === "unknown") {
    const paused = stages.find(({ name }) => name === "pause");
    const what = stages[0]?.reason ?? "";
    const rest = paused
      ? stageText(paused, time)
      : verdict === "idle"
        ? "nothing to do"
        : "no decision without a full window";
    return `${subnet} stays at ${current}: ${what}; ${rest}.`;
  }
  const held = stages.find(({ from, to }) => from !== current && to === current);
  const would = otherwise ? `; ${wouldGo(otherwise, held?.until, time)}` : "";
  return `${subnet} stays at ${current}: ${crossed(metrics, verdict)}, but ${held ? stageText(held, time) : "nothing follows from it"}${would}.`;
}

/** `it would go to 7 with replicas.max 7`; `then it would go to 7` where time alone holds it, and was just told. */
function wouldGo(what: Counterfactual, told: number | undefined, time: ShowTime): string {
  const isTold = what.if.every((one) => one.what === "time" && one.at === told);
  return isTold
    ? `then it would go to ${what.to}`
    : `it would go to ${what.to} ${conditionsText(what, time)}`;
}

/** `cpu 12.4 % > 10 %`, of the metrics that point there. */
const crossed = (metrics: readonly MetricTrace[], verdict: Trace["verdict"]): string =>
  metrics
    .filter((one) => one.verdict === verdict)
    .map(({ metric, ratio = 0, min, max }) => {
      const bound = verdict === "out" ? `> ${showLoad(metric, max)}` : `< ${showLoad(metric, min)}`;
      return `${metric} ${showLoad(metric, ratio)} ${bound}`;
    })
    .join(", ");

/** What a stage said, and until when. */
export const stageText = ({ reason, until }: Stage, time: ShowTime): string =>
  until === undefined ? reason : `${reason}, until ${time(until)}`;

/** `at cpu > 10 %, not before 14:04:20`. */
export const conditionsText = ({ if: conditions }: Counterfactual, time: ShowTime): string =>
  conditions.length === 0 ? "as it is" : conditions.map((one) => conditionText(one, time)).join(", ");

function conditionText(condition: Condition, time: ShowTime): string {
  switch (condition.what) {
    case "load":
      return `at ${condition.metric} ${condition.is} ${showLoad(condition.metric, condition.ratio)}`;
    case "time":
      return `not before ${time(condition.at)}`;
    case "ready":
      return "once what was added last is ready";
    case "mode":
      return "with mode auto";
    case "pause":
      return "without the pause";
    case "contention":
      return "with scaleOnContention";
    case "quota":
      return `with a quota of ${condition.value}`;
    case "min":
      return `with replicas.min ${condition.value}`;
    case "max":
      return `with replicas.max ${condition.value}`;
    case "room":
      return "with room for it";
  }
}

import { nearest, staying, toward } from "./counterfactual.ts";
import type { Decision, DecisionMemory, Question, ScalingObservation } from "./decision.ts";
import type { Policy } from "./policy.ts";
import { evaluate } from "./stages.ts";
import { windowOf } from "./window.ts";

/**
 * How many replicas a subnet shall have, why, and what would have changed that. Pure: the same question gets the same
 * answer, so that what was decided can be asked again.
 *
 * The desired count is always inside the bounds, and load alone never makes it more than the quota or than can be placed.
 * @param now milliseconds since the epoch
 */
export function decide(
  policy: Policy,
  observation: ScalingObservation,
  memory: DecisionMemory,
  now: number,
): Decision {
  const question: Question = {
    policy,
    observation,
    memory: { ...memory, last: pastOnly(memory.last, now) },
    now,
  };
  const { current } = observation;
  const { desired, verdict, metrics, stages } = evaluate(question);
  const after: DecisionMemory =
    desired === current
      ? { window: windowOf(question), last: question.memory.last }
      : { window: [], last: { at: now, from: current, to: desired } };
  const then: Question =
    desired === current
      ? question
      : {
          ...question,
          memory: after,
          observation: {
            ...observation,
            current: desired,
            room: observation.room.slice(Math.max(desired - current, 0)),
          },
        };
  const [nextOut, nextIn] = [toward("out", then), toward("in", then)];
  const ways = { out: [nextOut], in: [nextIn], idle: [nextOut, nextIn], unknown: [nextOut, nextIn] };
  return {
    desired,
    memory: after,
    trace: {
      at: now,
      current,
      desired,
      verdict,
      metrics,
      stages,
      placements: observation.room.slice(0, Math.max(0, ...stages.map(({ from }) => from - current))),
      otherwise: desired === current ? nearest(question, ways[verdict]) : staying(question, desired),
      nextOut,
      nextIn,
    },
  };
}

/** A change that lies in the future shows that the clock was set back: it counts from now on. */
const pastOnly = (last: DecisionMemory["last"], now: number): DecisionMemory["last"] =>
  last && { ...last, at: Math.min(last.at, now) };

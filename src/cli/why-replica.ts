import { EvenkeelError } from "../api/errors.ts";
import { explainPlacements, labelled } from "../autoscale/explain.ts";
import type { Placement } from "../autoscale/place.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import { sentence } from "../autoscale/sentence.ts";
import { decisionsNewestFirst } from "../history/decisions.ts";
import { readMemory } from "../ledger/file.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { isActive } from "../replicas/phase.ts";
import { age } from "./duration.ts";
import { printable } from "./problems.ts";
import { timeSeenFrom } from "./time-of-day.ts";
import type { Answer, Context, Question } from "./why-question.ts";

/** Why a replica exists, and why there: what it is for people and programs alike. */
export interface ReplicaReasons {
  readonly name: string;
  readonly incarnation: string;
  /** The `min` lowest are permanent, the others scaled. */
  readonly isPermanent: boolean;
  readonly min: number;
  readonly hypervisor: string;
  readonly phase: ReplicaMemory["phase"];
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Why it goes, where it does. */
  readonly because: string | undefined;
  /** The decision that asked for it, where one did and is written down. */
  readonly granted: DecisionRecord | undefined;
  /** How its place was chosen, where it still stands in that place. */
  readonly placement: Placement | undefined;
}

export async function whyReplica(
  { tenant, subnet, ordinal, name }: Extract<Question, { kind: "replica" }>,
  { stateDirectory, revision, now, at, same }: Context,
): Promise<Answer> {
  const memory = await readMemory(stateDirectory, revision.fleet);
  const siblings = memory.tenants[tenant]?.replicas.filter((one) => one.subnet === subnet) ?? [];
  const own = siblings.filter((one) => one.ordinal === ordinal);
  if (own.length === 0)
    throw new EvenkeelError("EK-NOT-FOUND", `nothing is remembered of ${tenant}/${name}`, {
      fix: `reconcile get replicas -n ${tenant}${same}`,
    });
  let granted: DecisionRecord | undefined;
  for await (const { data } of decisionsNewestFirst(stateDirectory, { tenant, subnet, until: at })) {
    if (data.trace.current < ordinal && ordinal <= data.trace.desired) granted = data;
    if (granted) break;
  }
  const min = revision.tenants.get(tenant)?.subnets.get(subnet)?.spec.replicas.min ?? 0;
  const reasons = own.map((one) => reasonsOf(one, { name, siblings, min, granted }));
  return {
    text: reasons.map((one) => describeReplica(one, now)).join("\n"),
    value: reasons.length === 1 ? reasons[0] : reasons,
  };
}

/** Out of what is remembered and what was decided. Pure. */
export function reasonsOf(
  replica: ReplicaMemory,
  {
    siblings,
    granted,
    ...known
  }: Pick<ReplicaReasons, "name" | "min" | "granted"> & { readonly siblings: readonly ReplicaMemory[] },
): ReplicaReasons {
  const { ordinal, incarnation, hypervisor, phase, since, because } = replica;
  const active = new Set(siblings.filter(isActive).map((one) => one.ordinal));
  const rank = [...active].filter((one) => one < ordinal).length;
  const placement = granted?.trace.placements[ordinal - granted.trace.current - 1];
  return {
    ...known,
    incarnation,
    isPermanent: rank < known.min,
    hypervisor,
    phase,
    since,
    because,
    granted,
    placement: placement?.hypervisor === hypervisor ? placement : undefined,
  };
}

/** The answer first: why it exists; then where it stands and how that came about. */
export function describeReplica(reasons: ReplicaReasons, now: number): string {
  const { name, isPermanent, min, hypervisor, phase, since, because, granted, placement } = reasons;
  const time = timeSeenFrom(now);
  const isGoing = phase !== "starting" && phase !== "serving";
  const what = isPermanent
    ? `${name} is permanent: replicas.min is ${min}, and it is one of the lowest.`
    : `${name} is scaled: replicas.min is ${min}, and the load asked for more.`;
  const place = placement ? explainPlacements([placement]) : labelled("  where", placeText(reasons));
  const asked = granted
    ? sentence(granted, time)
    : isPermanent
      ? "its place came with the subnet, and not by a decision"
      : "the decision that asked for it is not written down, or no longer";
  return [
    ...labelled("", isGoing ? `${name} goes${because === undefined ? "" : `: ${because}`}.` : what, 0),
    ...labelled("  phase", `${phase} on ${hypervisor} since ${time(since)}, ${age(now - since)} ago`),
    ...place,
    ...labelled("Asked for:", asked),
  ]
    .map((line) => `${printable(line)}\n`)
    .join("");
}

const placeText = ({ hypervisor, granted }: ReplicaReasons): string =>
  granted
    ? `${hypervisor}, where it came after that decision`
    : `${hypervisor}; permanent replicas go home while there is room, then to the standbys`;

import type { Condition } from "../api/kinds.gen.ts";
import { labelled } from "../autoscale/explain.ts";
import { sentence } from "../autoscale/sentence.ts";
import type { KeptDecision } from "../history/decisions.ts";
import type { Kept } from "../history/record.ts";
import type { FleetObject } from "../status/objects.ts";
import type { FleetView } from "../status/view.ts";
import { factsOf } from "./describe-facts.ts";
import { age } from "./duration.ts";
import { describeEvents } from "./events-text.ts";
import { printable, WIDTH } from "./problems.ts";
import { standingOf, tableOf } from "./table.ts";
import { timeSeenFrom } from "./time-of-day.ts";

/** What is known around an object. */
export interface Known {
  readonly view: FleetView;
  /** The newest on a subnet. */
  readonly decision: KeptDecision | undefined;
  /** The object's, the newest last. */
  readonly events: readonly Kept[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const text = (lines: readonly string[]): string => lines.map((line) => `${printable(line)}\n`).join("");

/** An object as people read it: what it is, how it stands and since when, what belongs to it, what happened to it. */
export function describeObject(object: FleetObject, { view, decision, events, now }: Known): string {
  const { kind, metadata, status } = object;
  const created = metadata.creationTimestamp;
  const time = timeSeenFrom(now);
  const { status: word, reason } = standingOf(object, now);
  const namespace = "namespace" in metadata ? metadata.namespace : undefined;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Name:", metadata.name],
    ["Kind:", kind],
    ["Tenant:", namespace],
    ["Since:", created && `${time(Date.parse(created))}, ${age(now - Date.parse(created))} ago`],
    ["Status:", `${word}: ${reason}`],
    ...factsOf(object),
  ];
  const sections = [
    text(facts.flatMap(([label, value]) => (value === undefined ? [] : labelled(label, value)))),
    `Conditions:\n${text(status.conditions.flatMap((one) => describeCondition(one, now)))}`,
    membersOf(object, view, now),
    decisionOf(decision, now),
    `Events:\n${indented(describeEvents(events, { namespace, now, width: WIDTH - 2 }))}`,
  ];
  return sections.filter((section) => section !== "").join("");
}

const indented = (lines: string): string => lines.replaceAll(/^(?=.)/gm, "  ");

/** `Ready  False since 14:20:31, 41s ago: HypervisorUnreachable: …`; what does not hold has nothing more to say. */
function describeCondition(
  { type, status, reason, message, lastTransitionTime }: Condition,
  now: number,
): string[] {
  const since = Date.parse(lastTransitionTime);
  const when = Number.isNaN(since) ? "" : ` since ${timeSeenFrom(now)(since)}, ${age(now - since)} ago`;
  const why = type === "Ready" || status !== "False" ? `: ${reason}: ${message}` : "";
  return labelled(`  ${type}`, `${status}${when}${why}`);
}

/** What belongs to it, or stands there, as `get` lists it. */
function membersOf({ kind, metadata }: FleetObject, view: FleetView, now: number): string {
  const { name } = metadata;
  const owner = "namespace" in metadata ? metadata.namespace : undefined;
  const options = { wide: false, manyTenants: kind === "Hypervisor", manyKinds: false, now };
  const list = (title: string, of: Parameters<typeof tableOf>[0]): string =>
    `${title}:\n${of.objects.length === 0 ? "  none\n" : indented(tableOf(of, options))}`;
  switch (kind) {
    case "Hypervisor": {
      const objects = view.replicas.filter(({ spec }) => spec.hypervisor === name);
      return list("Replicas", { kind: "replicas", objects });
    }
    case "Tenant": {
      const objects = view.subnets.filter((one) => one.metadata.namespace === name);
      return list("Subnets", { kind: "subnets", objects });
    }
    case "Subnet": {
      const objects = view.replicas.filter(
        (one) => one.spec.subnet === name && one.metadata.namespace === owner,
      );
      return list("Replicas", { kind: "replicas", objects });
    }
    case "Replica":
      return "";
  }
}

function decisionOf(decision: KeptDecision | undefined, now: number): string {
  if (!decision) return "";
  const { data, time } = decision;
  const told = `${sentence(data, timeSeenFrom(now))} (${age(now - time)} ago)`;
  const more = `reconcile why subnet/${data.subnet} -n ${data.tenant}`;
  return text([...labelled("Decided:", told), ...labelled("", more)]);
}

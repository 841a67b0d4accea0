import { type ReplicaName, replicaName, trusted } from "../api/names.ts";
import { worse } from "../plan/collapse.ts";
import { lineOf, type PlanEntry, type PlanLine } from "../plan/plan.ts";
import type { PortState } from "../resources/port.ts";
import type { Disruption, Verb } from "../resources/resource.ts";
import type { VxlanState } from "../resources/vxlan.ts";
import type { WorkloadState } from "../resources/workload.ts";

/** A change as people and programs read it: without identities that are fresh at each look. */
export interface Line extends PlanLine {
  /** What cannot be told from the rest, such as a VXLAN's id. */
  readonly detail?: string;
}

/** How many changes of each kind there are, and the worst that one of them does to a workload. */
export interface Totals extends Readonly<Record<Verb, number>> {
  readonly disruption: Disruption;
}

/** The states of the kinds that are read here; an entry's kind says which it is. */
interface States {
  readonly container: WorkloadState;
  readonly domain: WorkloadState;
  readonly port: PortState;
  readonly vxlan: VxlanState;
}

/** What an entry's resource is, or was, like, when it is of that kind. */
function stateAs<Kind extends keyof States>(
  kind: Kind,
  { kind: own, before, after }: PlanEntry,
): States[Kind] | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a kind is only ever given states that it made itself
  return own === kind ? ((after ?? before)?.state as States[Kind]) : undefined;
}

/** The replica that an entry is about, `web-1`, where it is about one. */
export function replicaOf(entry: PlanEntry): ReplicaName | undefined {
  const mark = (stateAs("container", entry) ?? stateAs("domain", entry))?.mark;
  if (mark) return replicaName(mark.subnet, mark.ordinal);
  // the third part of its container's name, `campus.t2.web-1.k7f2q9ab`
  const name = stateAs("port", entry)?.workload.split(".")[2];
  return name === undefined ? undefined : trusted<ReplicaName>(name);
}

/** A plan's entry for people and programs. */
export function describeEntry(entry: PlanEntry): Line {
  const line = lineOf(entry);
  const id = entry.after && stateAs("vxlan", entry)?.id;
  return {
    ...line,
    name: replicaOf(entry) ?? line.name,
    ...(id !== undefined && { detail: `VXLAN ${id}` }),
  };
}

/** Counts changes. */
export function totalsOf(lines: readonly Line[]): Totals {
  const of = (verb: Verb): number => lines.filter((line) => line.verb === verb).length;
  return {
    add: of("add"),
    change: of("change"),
    replace: of("replace"),
    remove: of("remove"),
    disruption: lines.reduce<Disruption>((sum, { disruption }) => worse(sum, disruption), "none"),
  };
}

/** Whether there is anything to do. */
export const isNothing = ({ add, change, replace, remove }: Totals): boolean =>
  add + change + replace + remove === 0;

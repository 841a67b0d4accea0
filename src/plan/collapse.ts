import type { Disruption, Verb } from "../resources/resource.ts";
import { order } from "./order.ts";
import type { PlanEntry } from "./plan.ts";

const DISRUPTIONS: readonly Disruption[] = ["none", "drain", "restart", "recreate"];

/** The worse of two disruptions. */
export const worse = (a: Disruption, b: Disruption): Disruption =>
  DISRUPTIONS.indexOf(a) >= DISRUPTIONS.indexOf(b) ? a : b;

/** What two changes of one resource, one after the other, come to; undefined when the second undoes the first. */
function verbOf(first: Verb, then: Verb): Verb | undefined {
  if (then === "remove") return first === "add" ? undefined : "remove";
  if (first === "remove") return "replace";
  if (first === "add") return "add";
  return then === "replace" ? "replace" : first;
}

/**
 * The changes of several rounds as one for each resource: from what stands before the first to what stands after the last.
 * The reason is that of the first, because what follows is its consequence; but of a removal it is the removal's own.
 */
export function collapse(entries: readonly PlanEntry[]): PlanEntry[] {
  const whole = new Map<string, PlanEntry>();
  for (const entry of entries) {
    const first = whole.get(entry.key);
    const verb = first ? verbOf(first.verb, entry.verb) : entry.verb;
    if (verb === undefined) whole.delete(entry.key);
    else
      whole.set(entry.key, {
        ...entry,
        verb,
        reason: first && verb !== "remove" ? first.reason : entry.reason,
        disruption: first ? worse(first.disruption, entry.disruption) : entry.disruption,
        operations: [...(first?.operations ?? []), ...entry.operations],
        before: first ? first.before : entry.before,
      });
  }
  return order(withoutDissolved([...whole.values()]));
}

const at = ({ hypervisor, tenant }: PlanEntry): string => `${hypervisor}/${tenant}`;

/** What is changed on the way, in a namespace that goes in the end, is not worth a word. */
function withoutDissolved(entries: readonly PlanEntry[]): PlanEntry[] {
  const going = new Set(entries.filter(({ kind, verb }) => kind === "netns" && verb === "remove").map(at));
  return entries.filter((entry) => entry.verb === "remove" || !going.has(at(entry)));
}

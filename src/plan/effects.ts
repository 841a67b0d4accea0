import { produce } from "immer";
import { byKey } from "../resources/index.ts";
import { isPort } from "../resources/port.ts";
import type { Resource } from "../resources/resource.ts";
import { isRunner, isRunnerKind, type RunnerState } from "../resources/workload.ts";
import { losses, type PlanEntry } from "./plan.ts";

/**
 * What a look would show after the entries were carried out: the plan's effects, as one recipe over the observation.
 * `plan(desired, effects(plan, observed))` is empty; `plan` and the loop both go on from here without looking.
 */
export function effects(entries: readonly PlanEntry[], observed: readonly Resource[]): Resource[] {
  if (entries.length === 0) return [...observed];
  const before = Object.fromEntries(byKey(observed));
  const after = produce(before, (draft) => {
    for (const key of entries.flatMap(losses)) delete draft[key];
    for (const entry of entries) {
      if (entry.after) draft[entry.key] = seen(entry.after, draft[entry.key]);
      else delete draft[entry.key];
      takeAlong(entry, draft);
    }
  });
  return Object.values(after);
}

/** A workload that was told to end is taken to have ended. */
function seen(after: Resource, before: Resource | undefined): Resource {
  if (!isRunner(after)) return after;
  const { signal, ...state } = after.state;
  const id = (before && isRunner(before) && before.state.id) || "";
  return { ...after, state: { ...state, id, running: signal === undefined } satisfies RunnerState };
}

/** What a link takes along when it goes. */
const FOLLOWS: Readonly<Record<string, string>> = { bridge: "neighbours", vxlan: "forwarding" };
const OUTLIVES_NAMESPACE = ["container", "domain", "bastion", "guard", "resolver", "collector"];

/** What vanishes by itself with what an entry removes. */
function takeAlong(entry: PlanEntry, draft: Record<string, Resource>): void {
  const { kind, name, verb, hypervisor, tenant } = entry;
  const self = draft[entry.key];
  const ended = isRunnerKind(kind) && !(self && isRunner(self) && self.state.running);
  if (!ended && verb !== "remove") return;
  for (const [key, other] of Object.entries(draft)) {
    if (other.hypervisor !== hypervisor || other.tenant !== tenant) continue;
    const goes =
      (ended && isPort(other) && other.state.workload === name) ||
      (kind === "netns" && !OUTLIVES_NAMESPACE.includes(other.kind)) ||
      (other.kind === FOLLOWS[kind] && other.name === name);
    if (goes) delete draft[key];
  }
}

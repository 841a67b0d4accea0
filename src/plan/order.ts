import { rankOf } from "../resources/index.ts";
import { PHASES, type Operation } from "../resources/operation.ts";
import type { PlanEntry } from "./plan.ts";

/** Entries as people read them: what stands for the tenant first, then by subnet; what is made before what is removed. */
export const order = (entries: readonly PlanEntry[]): PlanEntry[] =>
  entries.toSorted(
    (a, b) =>
      Number(a.verb === "remove") - Number(b.verb === "remove") ||
      (a.verb === "remove" ? rankOf(b.kind) - rankOf(a.kind) : rankOf(a.kind) - rankOf(b.kind)) ||
      compare(a.hypervisor, b.hypervisor) ||
      compare(a.name, b.name),
  );

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const phaseOf = new Map<string, number>(PHASES.map((phase, index) => [phase, index]));

/** Operations as hypervisors run them: by phase, and within a phase by kind and name. */
export function operationsOf(entries: readonly PlanEntry[]): Operation[] {
  return entries
    .toSorted((a, b) => rankOf(a.kind) - rankOf(b.kind) || compare(a.name, b.name))
    .flatMap(({ operations }) => operations)
    .toSorted((a, b) => (phaseOf.get(a.phase) ?? 0) - (phaseOf.get(b.phase) ?? 0));
}

/** Whether an operation comes before containers are started. */
export const isBeforeStart = ({ phase }: Operation): boolean =>
  PHASES.indexOf(phase) < PHASES.indexOf("start");

import type { HypervisorName } from "../api/names.ts";
import { type Band, percent } from "./policy.ts";

/** A hypervisor that might take one more replica. */
export interface Candidate {
  readonly hypervisor: HypervisorName;
  /** What it is to the replica: where the one that it replaces stands, the tenant's home, or a standby. */
  readonly role: "same" | "home" | "standby";
  /** Why it cannot take any at all; undefined when it can. */
  readonly barred: string | undefined;
  /** Free places; CPU and memory only where the hypervisor counts them. */
  readonly places: number;
  readonly nanoCpus: number | undefined;
  readonly memory: number | undefined;
  /** CPU used ÷ its CPUs, everyone's work included; undefined when there is no sample. */
  readonly load: number | undefined;
  /** Below `min` it is preferred, at or above `max` passed over; ratios. */
  readonly band: Band;
  /** Of one replica for one hour; compared as a number, whatever the currency. */
  readonly price: number;
}

/** What one replica takes of a hypervisor. */
export interface Need {
  /** Billionths of a CPU. */
  readonly nanoCpus: number;
  /** Bytes. */
  readonly memory: number;
}

/**
 * What load counts for: `ignored` where nobody samples (`--once`) · `preferred` for permanent replicas: one at its maximum
 * is better than none · `required` for scaled ones: where there is no sample, or too much load, they do not go
 */
export type LoadUse = "ignored" | "preferred" | "required";

/** Where a replica goes, or why it can go nowhere; always with what was said of the others. */
export interface Placement {
  readonly hypervisor: HypervisorName | undefined;
  /** Of those that were passed over: `hv1: load 81 % ≥ its max 80 %`. */
  readonly reasons: readonly string[];
  /** Of the one that was chosen, in numbers; empty when none was. */
  readonly because: string;
}

/**
 * Home first while it has room and its load is below its maximum. Then the standbys that have: those below their minimum
 * first, then by price, load, and in the order given. A replica that takes another's place stays where that one is.
 */
export function place(candidates: readonly Candidate[], need: Need, use: LoadUse): Placement {
  const placement = choose(candidates, need, use);
  const isNowhere = placement.hypervisor === undefined && use === "preferred";
  return isNowhere ? choose(candidates, need, "ignored") : placement;
}

function choose(candidates: readonly Candidate[], need: Need, use: LoadUse): Placement {
  const reasons: string[] = [];
  const isUsed = use !== "ignored";
  for (const candidate of candidates.toSorted((a, b) => compare(rank(a, isUsed), rank(b, isUsed)))) {
    const why = candidate.barred ?? shortage(candidate, need) ?? (isUsed ? overload(candidate) : undefined);
    if (why === undefined)
      return { hypervisor: candidate.hypervisor, reasons, because: virtues(candidate, isUsed) };
    reasons.push(`${candidate.hypervisor}: ${why}`);
  }
  return { hypervisor: undefined, reasons, because: "" };
}

/** Where so many replicas would go, one after another; ends with the first that finds no place. */
export function placeAll(
  candidates: readonly Candidate[],
  need: Need,
  { use, count }: { readonly use: LoadUse; readonly count: number },
): Placement[] {
  const placements: Placement[] = [];
  let left = candidates;
  for (let one = 0; one < count; one++) {
    const placement = place(left, need, use);
    placements.push(placement);
    if (placement.hypervisor === undefined) break;
    left = left.map((candidate) =>
      candidate.hypervisor === placement.hypervisor ? without(candidate, need) : candidate,
    );
  }
  return placements;
}

const without = (candidate: Candidate, need: Need): Candidate => ({
  ...candidate,
  places: candidate.places - 1,
  nanoCpus: candidate.nanoCpus === undefined ? undefined : candidate.nanoCpus - need.nanoCpus,
  memory: candidate.memory === undefined ? undefined : candidate.memory - need.memory,
});

/** What comes first counts first; smaller is better. */
function rank({ role, load = Number.POSITIVE_INFINITY, band, price }: Candidate, isUsed: boolean): number[] {
  const seat = ["same", "home", "standby"].indexOf(role);
  if (role !== "standby") return [seat];
  return isUsed ? [seat, Number(load >= band.min), price, load] : [seat, 0, price];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1;
}

/** One that only takes its predecessor's place adds no load. */
function overload({ role, load, band }: Candidate): string | undefined {
  if (role === "same") return undefined;
  // guard: missing sample
  if (load === undefined) return "its load is not known";
  return load >= band.max ? `load ${percent(load)} ≥ its max ${percent(band.max)}` : undefined;
}

function shortage({ places, nanoCpus, memory }: Candidate, need: Need): string | undefined {
  if (places < 1) return "no place free";
  if (nanoCpus !== undefined && nanoCpus < need.nanoCpus)
    return `${nanoCpus / 1e6}m CPU free, ${need.nanoCpus / 1e6}m needed`;
  if (memory !== undefined && memory < need.memory)
    return `${Math.floor(memory / 2 ** 20)} MiB free, ${Math.ceil(need.memory / 2 ** 20)} MiB needed`;
  return undefined;
}

function virtues({ load, band, places, price }: Candidate, isUsed: boolean): string {
  const bound = load !== undefined && load < band.min ? band.min : band.max;
  const loads =
    !isUsed || load === undefined
      ? []
      : [`load ${percent(load)} ${load < bound ? "<" : "≥"} ${percent(bound)}`];
  return [...loads, `${places} places free`, ...(price > 0 ? [`${price} a replica-hour`] : [])].join(", ");
}

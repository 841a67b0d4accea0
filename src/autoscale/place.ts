import type { HypervisorName } from "../api/names.ts";

/** A hypervisor that might take one more replica, in the order of preference: the primary, then the standbys as written. */
export interface Candidate {
  readonly hypervisor: HypervisorName;
  /** Why it cannot take any at all; undefined when it can. */
  readonly barred: string | undefined;
  /** Free places; CPU and memory only where the hypervisor counts them. */
  readonly places: number;
  readonly nanoCpus: number | undefined;
  readonly memory: number | undefined;
}

/** What one replica takes of a hypervisor. */
export interface Need {
  /** Billionths of a CPU. */
  readonly nanoCpus: number;
  /** Bytes. */
  readonly memory: number;
}

/** Where a replica goes, or why it can go nowhere; always with what was said of the others. */
export interface Placement {
  readonly hypervisor: HypervisorName | undefined;
  readonly reasons: readonly string[];
}

/** The first candidate with room. Load and price join this choice with the autoscale controller. */
export function place(candidates: readonly Candidate[], need: Need): Placement {
  const reasons: string[] = [];
  for (const candidate of candidates) {
    const full = candidate.barred ?? shortage(candidate, need);
    if (full === undefined) return { hypervisor: candidate.hypervisor, reasons };
    reasons.push(`${candidate.hypervisor}: ${full}`);
  }
  return { hypervisor: undefined, reasons };
}

function shortage({ places, nanoCpus, memory }: Candidate, need: Need): string | undefined {
  if (places < 1) return "no place free";
  if (nanoCpus !== undefined && nanoCpus < need.nanoCpus)
    return `${nanoCpus / 1e6}m CPU free, ${need.nanoCpus / 1e6}m needed`;
  if (memory !== undefined && memory < need.memory)
    return `${Math.floor(memory / 2 ** 20)} MiB free, ${Math.ceil(need.memory / 2 ** 20)} MiB needed`;
  return undefined;
}

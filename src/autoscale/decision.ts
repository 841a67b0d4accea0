import type { HypervisorName } from "../api/names.ts";
import type { Placement } from "./place.ts";
import type { Band, Policy } from "./policy.ts";

/** One sample of a subnet's load by one metric. */
export interface LoadSample {
  /** Mean over the ready replicas that have a sample; undefined when none has: never zero for that. */
  readonly ratio: number | undefined;
  /** Whether every ready replica has a sample. A mean without some of them is no reason to take one away. */
  readonly complete: boolean;
  /** Of steal, the newest sample by hypervisor: it is a neighbour's doing where the own use is low. */
  readonly beside?: readonly Beside[];
}

/** Means of the replicas on one hypervisor, both as parts of the time of their virtual CPUs. */
export interface Beside {
  readonly hypervisor: HypervisorName;
  readonly steal: number;
  readonly use: number;
}

/** By metric. */
export type Loads = Readonly<Record<string, LoadSample>>;

/** What is known of a subnet when its count is decided. */
export interface ScalingObservation {
  /** The desired count in force. */
  readonly current: number;
  /** The newest sample. */
  readonly loads: Loads;
  /** Since when each ordinal serves, milliseconds since the epoch; without those that do not. */
  readonly serving: ReadonlyMap<number, number>;
  /** Desired replicas of the tenant's other subnets. */
  readonly others: number;
  /** Where further replicas would go, one after another; the first that finds no place ends it. */
  readonly room: readonly Placement[];
}

/** The last change of a subnet's desired count. Survives a restart: cooldown goes on. */
export interface ScalingMemory {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  /** When it last grew, milliseconds since the epoch; undefined where nobody remembers that it did. */
  readonly grewAt?: number;
}

/** What one decision hands to the next. */
export interface DecisionMemory {
  /** Samples since the last change, newest last, at most one window of them. */
  readonly window: readonly Loads[];
  readonly last: ScalingMemory | undefined;
}

/** Everything that one decision depends on. */
export interface Question {
  readonly policy: Policy;
  readonly observation: ScalingObservation;
  readonly memory: DecisionMemory;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Something that would have to be otherwise. */
export type Condition =
  /** Every sample of the window is so. */
  | {
      readonly what: "load";
      readonly metric: string;
      readonly is: ">" | "≥" | "<" | "≤";
      readonly ratio: number;
    }
  /** It is this late, milliseconds since the epoch. */
  | { readonly what: "time"; readonly at: number }
  /** The replicas added last are ready, and have been for one window. */
  | { readonly what: "ready" }
  | { readonly what: "mode" }
  | { readonly what: "pause" }
  /** Contention alone may raise the count. */
  | { readonly what: "contention" }
  | { readonly what: "quota"; readonly value: number }
  | { readonly what: "min"; readonly value: number }
  | { readonly what: "max"; readonly value: number }
  /** A hypervisor takes one more. */
  | { readonly what: "room" };

/** What would lead to another count: were all of it so, `to` would be the answer. */
export interface Counterfactual {
  readonly if: readonly Condition[];
  readonly to: number;
}

export type StageName =
  | "window"
  | "contention"
  | "projection"
  | "readiness"
  | "cooldown"
  | "mode"
  | "pause"
  | "quota"
  | "bounds"
  | "placement";

/** What one stage made of the count. */
export interface Stage {
  readonly name: StageName;
  readonly from: number;
  readonly to: number;
  /** For people; without times of day, which depend on where the reader is. */
  readonly reason: string;
  /** When it will no longer hold, milliseconds since the epoch. */
  readonly until?: number;
  /** What would have let the count pass; where it was held. */
  readonly unless?: Condition;
}

/** Which way the load points: `unknown` when samples are missing. */
export type Verdict = "out" | "in" | "idle" | "unknown";

/** One metric's window. */
export interface MetricTrace extends Band {
  readonly metric: string;
  readonly verdict: Verdict;
  /** The newest sample's; undefined when there is none. */
  readonly ratio: number | undefined;
  /** How many of a window's samples are there, and how many of these above and below the band. */
  readonly known: number;
  readonly above: number;
  readonly below: number;
  readonly of: number;
}

/** How a decision came about; enough to tell it to people, and to ask it again. */
export interface Trace {
  readonly at: number;
  readonly current: number;
  readonly desired: number;
  readonly verdict: Verdict;
  readonly metrics: readonly MetricTrace[];
  /** In order. */
  readonly stages: readonly Stage[];
  /** Where the replicas asked for would go. */
  readonly placements: readonly Placement[];
  /** The nearest thing that would have changed this decision; undefined where nothing but the bounds decided. */
  readonly otherwise: Counterfactual | undefined;
  /** What leads on from here. */
  readonly nextOut: Counterfactual | undefined;
  readonly nextIn: Counterfactual | undefined;
}

export interface Decision {
  readonly desired: number;
  readonly trace: Trace;
  readonly memory: DecisionMemory;
}

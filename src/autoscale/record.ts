import type { HypervisorName, Incarnation, SubnetName, TenantName } from "../api/names.ts";
import type { Trace } from "./decision.ts";

/**
 * A load as a ratio of what may be used (above 1 is possible for a moment), or in its own unit where it is no share of
 * anything; or why there is none. None is never zero.
 */
export type Sample = { readonly ratio: number } | { readonly missing: string };

/** One ready replica's sample, with where it stands. */
export interface ReplicaSample {
  readonly incarnation: Incarnation;
  readonly ordinal: number;
  readonly hypervisor: HypervisorName;
  readonly sample: Sample;
}

/** One decision on one subnet: what `why` tells, and what is recorded, the noes too. */
export interface DecisionRecord {
  readonly tenant: TenantName;
  readonly subnet: SubnetName;
  readonly trace: Trace;
  /** By ordinal: what the newest sample of the load is made of. */
  readonly replicas: readonly ReplicaSample[];
}

import type { Condition } from "../api/kinds.gen.ts";
import type { HypervisorName, SubnetName, TenantName } from "../api/names.ts";

/**
 * All that a daemon knows at one moment and that is measured: plain data, made by whoever knows it. Times are milliseconds
 * since the epoch, durations seconds, loads ratios (1 is full), or in its own unit what collectd measures. What is not known
 * is undefined, never zero.
 */
export interface Snapshot {
  readonly now: number;
  /** Undefined until the manifests could be read once. */
  readonly revision: RevisionSnapshot | undefined;
  readonly hypervisors: readonly HypervisorSnapshot[];
  readonly tenants: readonly TenantSnapshot[];
  readonly subnets: readonly SubnetSnapshot[];
  readonly conditions: readonly ObjectConditions[];
  readonly queues: readonly QueueSnapshot[];
  /** Removals of several tenants at once that wait for approval. */
  readonly fleetRefusals: number;
}

export interface RevisionSnapshot {
  /** The commit's hash; the digest of the tree where there is no commit. */
  readonly id: string;
  readonly dirty: boolean;
  /** When it was first seen to be in force everywhere. */
  readonly appliedAt: number | undefined;
  /** Errors in documents that are no tenant's. */
  readonly errors: number;
}

export interface HypervisorSnapshot {
  readonly name: HypervisorName;
  /** Whether the last look at it was complete. */
  readonly up: boolean;
  /** When it was last looked at completely. */
  readonly lastLookAt: number | undefined;
  readonly loadRatio: number | undefined;
  /** Replicas that stand there, and how many may. */
  readonly used: number | undefined;
  readonly capacity: number;
}

export interface TenantSnapshot {
  readonly name: TenantName;
  /** Errors in its documents. */
  readonly errors: number;
  /** Resources that are not as asked. */
  readonly drift: number;
  /** Changes that wait for approval. */
  readonly refusals: number;
}

/** Where a replica is, as people see it: its phase, or while it serves what is seen of it. */
export const REPLICA_STATES = [
  "ready",
  "notReady",
  "unknown",
  "starting",
  "draining",
  "stopping",
  "leaving",
] as const;

export type ReplicaState = (typeof REPLICA_STATES)[number];

export interface SubnetSnapshot {
  readonly tenant: TenantName;
  readonly name: SubnetName;
  readonly replicas: Readonly<Record<ReplicaState, number>>;
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  /** By metric, `cpu`. */
  readonly loads: Readonly<Record<string, number | undefined>>;
  readonly thresholds: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  /** When the oldest of the samples was taken that its load is made of. */
  readonly oldestSampleAt: number | undefined;
  /** Why it is not scaled although its load asks for it: a code out of a fixed set. */
  readonly blocked: string | undefined;
  readonly paused: boolean;
}

export interface ObjectConditions {
  /** `Subnet`. */
  readonly kind: string;
  /** Empty for what is no tenant's. */
  readonly tenant: TenantName | "";
  readonly name: string;
  readonly conditions: readonly Pick<Condition, "type" | "status">[];
}

/** A queue of one controller's. */
export interface QueueSnapshot {
  readonly name: string;
  /** Keys that wait. */
  readonly depth: number;
  /** How long what is worked on has been worked on, in seconds, each. */
  readonly workingSeconds: readonly number[];
}

import type { ReplicaMark } from "./marks.ts";
import type { Resource } from "./resource.ts";

/** What runs a replica, whichever runtime it is: a container, or a virtual machine. */
export interface WorkloadState {
  readonly name: string;
  readonly mark: ReplicaMark;
  readonly running: boolean;
  /** Frozen: neither running nor ended; only of an observed state. */
  readonly paused?: boolean;
  /** Of a virtual machine: a tap of it is lost, and nothing but a new start brings it back; only of an observed state. */
  readonly unplugged?: boolean;
  /** The runtime's id; only of an observed state. */
  readonly id?: string;
  /** Why it is to be removed; only of a desired state. */
  readonly gone?: string;
  /** Ask the workload to end: it was drained, and is told so while its links stay. */
  readonly signal?: string;
}

const KINDS: readonly string[] = ["container", "domain"];

/** Whether a kind of that name is a replica's workload. */
export const isWorkloadKind = (kind: string): boolean => KINDS.includes(kind);

export const isWorkload = (resource: Resource): resource is Resource<WorkloadState> =>
  isWorkloadKind(resource.kind);

/** What ports are put into: a replica's workload, or the tenant's bastion, which is no replica. */
export type RunnerState = Omit<WorkloadState, "mark">;

/** Whether a kind of that name runs something that has ports. */
export const isRunnerKind = (kind: string): boolean => isWorkloadKind(kind) || kind === "bastion";

export const isRunner = (resource: Resource): resource is Resource<RunnerState> =>
  isRunnerKind(resource.kind);

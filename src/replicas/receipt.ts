import {
  type HypervisorName,
  type Incarnation,
  type ReplicaName,
  replicaName,
  type TenantName,
} from "../api/names.ts";
import type { DrainReason, ReplicaMemory } from "./memory.ts";

/** What a drain came to. */
export interface DrainReceipt {
  readonly tenant: TenantName;
  /** `web-3`. */
  readonly replica: ReplicaName;
  readonly incarnation: Incarnation;
  readonly hypervisor: HypervisorName;
  /** Milliseconds since the epoch; the end is when the replica was gone. */
  readonly began: number;
  readonly ended: number;
  readonly reason: DrainReason;
  /** Most connections that were open at once. */
  readonly connectionsSeen: number;
  /** Connections that were still open when the replica was removed. */
  readonly connectionsCut: number;
}

/** The receipt of a replica that is gone; none where nothing was drained. */
export function receiptsOf(replica: ReplicaMemory, ended: number): DrainReceipt[] {
  const { tenant, subnet, ordinal, incarnation, hypervisor, drain } = replica;
  if (drain?.reason === undefined) return [];
  const { began, reason, seen, open } = drain;
  const name = replicaName(subnet, ordinal);
  return [
    {
      tenant,
      replica: name,
      incarnation,
      hypervisor,
      began,
      ended,
      reason,
      connectionsSeen: seen,
      connectionsCut: open,
    },
  ];
}

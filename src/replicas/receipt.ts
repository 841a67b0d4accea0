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

/** What several drains came to. */
export interface DrainTotals {
  readonly replicas: number;
  /** Connections that were seen open and were over before their replica was removed, at the least. */
  readonly connectionsEnded: number;
  readonly connectionsCut: number;
}

/** The sum of receipts; undefined where nothing was drained. */
export function totalsOfDrains(receipts: readonly DrainReceipt[]): DrainTotals | undefined {
  if (receipts.length === 0) return undefined;
  const seen = receipts.reduce((sum, { connectionsSeen }) => sum + connectionsSeen, 0);
  const cut = receipts.reduce((sum, { connectionsCut }) => sum + connectionsCut, 0);
  return { replicas: receipts.length, connectionsEnded: seen - cut, connectionsCut: cut };
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

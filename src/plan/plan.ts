import { planIdOf } from "../api/digest.ts";
import type { HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import {
  type Change,
  type Disruption,
  keyOf,
  type Resource,
  type ResourceKey,
  type Verb,
} from "../resources/resource.ts";

/** One change of a plan: what, where, why, and the operations that make it. */
export interface PlanEntry extends Change {
  readonly key: ResourceKey;
  readonly kind: string;
  readonly name: string;
  readonly hypervisor: HypervisorName;
  readonly tenant: TenantName;
  readonly subnet: SubnetName | undefined;
  /** What stands now; undefined when nothing does. */
  readonly before: Resource | undefined;
  /** What will stand when it is done; undefined when nothing will. */
  readonly after: Resource | undefined;
}

/** Keys of what is lost on the way of an entry. */
export const losses = ({ loses = [], ...entry }: PlanEntry): ResourceKey[] =>
  loses.map((kind) => keyOf({ ...entry, kind }));

/** A plan entry as people and other programs see it: the same in text and in JSON. */
export interface PlanLine {
  readonly verb: Verb;
  readonly kind: string;
  readonly name: string;
  readonly hypervisor: HypervisorName;
  readonly subnet?: SubnetName;
  readonly reason: string;
  readonly disruption: Disruption;
}

export const lineOf = ({
  verb,
  kind,
  name,
  hypervisor,
  subnet,
  reason,
  disruption,
}: PlanEntry): PlanLine => ({
  verb,
  kind,
  name,
  hypervisor,
  ...(subnet && { subnet }),
  reason,
  disruption,
});

/** The first 7 digits of the digest of what the plans say. Names that are fresh at each look are left out. */
export const planId = (plans: readonly { tenant: TenantName; lines: readonly PlanLine[] }[]): string =>
  planIdOf(
    plans.map(({ tenant, lines }) => ({
      tenant,
      lines: lines.map(({ verb, kind, hypervisor, subnet, reason }) => ({
        verb,
        kind,
        hypervisor,
        subnet: subnet ?? null,
        reason,
      })),
    })),
  );

/** Whether an entry tells a workload to end. */
export const isTellingToEnd = ({ operations }: PlanEntry): boolean =>
  operations.some(
    (one) =>
      one.tool === "signal" ||
      (one.tool === "domain" && one.lines.some((line) => line.startsWith("shutdown "))),
  );

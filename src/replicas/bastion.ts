import type { Cidr } from "../api/addresses.ts";
import { digestOf } from "../api/digest.ts";
import type { Tenant } from "../api/kinds.gen.ts";
import type { HypervisorName, Incarnation, TenantName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import type { Visibility } from "../facts/visibility.ts";
import { isBastion } from "../resources/bastion.ts";
import type { Resource } from "../resources/resource.ts";

/** What is remembered of a tenant's bastion. */
export interface BastionMemory {
  readonly incarnation: Incarnation;
  /** `2:HEX`: version and digest of what it is made from. */
  readonly made: string;
  /** Where it stands, or is to: at home. */
  readonly hypervisor: HypervisorName;
  /** Whether it has been seen: gone after that means that somebody removed it. */
  readonly seen: boolean;
}

export interface BastionInput {
  readonly tenant: Tenant | undefined;
  /** Where the gateway stands. */
  readonly home: HypervisorName | undefined;
  /** The management network in force. */
  readonly cidr: Cidr | undefined;
  readonly observed: readonly Resource[];
  readonly visible: Visibility;
  /** All of the fleet. */
  readonly hypervisors: ReadonlyMap<HypervisorName, unknown>;
  readonly fresh: () => Incarnation;
}

/**
 * Which bastion there is to be: the one that stands, as long as it is made from what is written, or a fresh one, whose name
 * was never used. Of a tenant that moves the old one goes first: both have the same address.
 * @param before undefined also when somebody said that the hypervisor where it stands is off
 */
export function nextBastion(
  before: BastionMemory | undefined,
  input: BastionInput,
): BastionMemory | undefined {
  const { tenant, home, cidr, observed, visible, hypervisors, fresh } = input;
  // Without its document nothing is known of what is wanted.
  if (!tenant) return before;
  const { bastion } = tenant.spec;
  if (!bastion || home === undefined || cidr === undefined) return undefined;
  const made = `2:${digestOf({ image: bastion.image, keys: bastion.authorizedKeys, cidr }).slice(0, 12)}`;
  const standing = observed
    .filter(isBastion)
    .flatMap(({ hypervisor, state: { mark } }) =>
      hypervisor === home && mark.made === made ? [mark.incarnation] : [],
    )
    .toSorted();
  const kept = before?.made === made && before.hypervisor === home ? before : undefined;
  if (kept && standing.includes(kept.incarnation)) return kept.seen ? kept : { ...kept, seen: true };
  const [stranger] = standing;
  // The ledger was lost: marks tell which it was.
  if (!kept?.seen && stranger !== undefined)
    return { incarnation: stranger, made, hypervisor: home, seen: true };
  // guard: unknown is not absent
  if (kept && !(kept.seen && visible.docker.has(home))) return kept;
  const isElsewhere = observed.some((one) => isBastion(one) && one.hypervisor !== home);
  const former = before?.hypervisor ?? home;
  // guard: unknown is not absent
  const mayBeElsewhere = former !== home && hypervisors.has(former) && !visible.docker.has(former);
  if (isElsewhere || mayBeElsewhere) return before;
  return { incarnation: fresh(), made, hypervisor: home, seen: false };
}

/** Why a bastion is not at home yet. */
export function bastionNotes(
  tenant: TenantName,
  bastion: BastionMemory | undefined,
  home: HypervisorName | undefined,
): Note[] {
  if (!bastion || home === undefined || bastion.hypervisor === home) return [];
  const message = `the bastion waits until it is seen to be gone from ${bastion.hypervisor}`;
  return [{ reason: "Progressing", object: `tenant/${tenant}`, message, severity: "waiting" }];
}

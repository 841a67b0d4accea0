import { keysOf } from "../api/records.ts";
import {
  type FleetName,
  type HypervisorName,
  type SubnetName,
  type TenantName,
  trusted,
} from "../api/names.ts";
import type { Refusal } from "../api/reasons.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { TenantManifests } from "../api/documents.ts";
import type { Revision } from "../manifests/revision.ts";
import { type Departure, guardDepartures } from "../plan/guard.ts";
import { EMPTY_TENANT, type FleetMemory, MANAGEMENT, withoutApprovals } from "../replicas/memory.ts";
import { observeByTenant } from "../resources/index.ts";
import { isWorkload } from "../resources/workload.ts";

/** Whose files are gone, and may go. */
export interface Departures {
  /** Whole tenants, or some of their subnets. */
  readonly going: ReadonlyMap<TenantName, ReadonlySet<SubnetName> | "everything">;
  /** Set when too much would go at once: nobody new goes then. */
  readonly refusal: Refusal | undefined;
  /** Approvals that took effect now. */
  readonly spent: readonly string[];
}

/** Every tenant that manifests, memory or marks know of, in order. */
export function tenantsOf(revision: Revision, memory: FleetMemory, marked: Marked): TenantName[] {
  const names = new Set<TenantName>([
    ...revision.tenants.keys(),
    ...keysOf(memory.tenants),
    ...marked.keys(),
  ]);
  return [...names].toSorted();
}

/**
 * A revision in which hypervisors whose document is gone are still reached while something of ours may stand there:
 * what stands is drained and removed, and only then are they forgotten. Nothing new is placed on them.
 */
export function withStanding(revision: Revision, memory: FleetMemory): Revision {
  const used = new Set(Object.values(memory.tenants).flatMap(({ hypervisors }) => hypervisors));
  const departing = Object.values(memory.documents).flatMap(({ object }) =>
    object.kind === "Hypervisor" && used.has(object.metadata.name) ? [object] : [],
  );
  const described = [...revision.hypervisors].filter(([name]) => isDescribed(revision, name));
  const all = [...departing.map((one) => [one.metadata.name, one] as const), ...described];
  return { ...revision, hypervisors: new Map(all.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

/** Whether a document in force declares the hypervisor. */
export const isDescribed = ({ documents }: Revision, name: HypervisorName): boolean =>
  documents.has(`Hypervisor//${name}`);

/** What carries the fleet's mark: of each tenant the subnets of its replicas, one for each. */
export type Marked = ReadonlyMap<TenantName, readonly string[]>;

/**
 * All that carries the fleet's mark on the hypervisors that were seen.
 * @param turn lets everything else have its turn, between one hypervisor and the next
 */
export async function markedOn(
  seen: ReadonlyMap<HypervisorName, HostFacts>,
  fleet: FleetName,
  turn: () => Promise<void>,
): Promise<Marked> {
  const marked = new Map<TenantName, string[]>();
  for (const facts of seen.values()) {
    await turn();
    for (const [tenant, resources] of observeByTenant(facts, fleet)) {
      const subnets = resources.filter(isWorkload).map(({ subnet = "" }) => subnet);
      marked.set(tenant, [...(marked.get(tenant) ?? []), ...subnets]);
    }
  }
  return marked;
}

/**
 * What to remove because its files are gone. A tree that could not be read whole removes nothing, and neither does a
 * tenant with a broken document.
 */
export function departures(revision: Revision, memory: FleetMemory, marked: Marked): Departures {
  const leaving: Departure[] = [];
  const begun: Departure[] = [];
  const everyone = tenantsOf(revision, memory, marked);
  const standingOf = (tenant: TenantName): readonly string[] => replicasOf(tenant, memory, marked);
  // guard: mass deletion
  for (const tenant of revision.complete ? everyone : []) {
    const manifests = revision.tenants.get(tenant);
    const remembered = memory.tenants[tenant];
    const standing = standingOf(tenant);
    if (!manifests) {
      const list = remembered?.going === "everything" ? begun : leaving;
      list.push({ tenant, subnets: undefined, replicas: standing.length });
      // guard: mass deletion
    } else if (manifests.held === undefined && !remembered?.down) {
      const known = [...Object.keys(remembered?.segments ?? {}), ...standing];
      const gone = known.filter((name) => name !== MANAGEMENT && !manifests.subnets.has(trusted(name)));
      if (gone.length === 0) continue;
      const names = [...new Set(gone)];
      const going = new Set<string>(remembered?.going === "everything" ? [] : remembered?.going);
      const isBegun = (name: string): boolean => going.has(name);
      for (const [list, some] of [
        [begun, names.filter(isBegun)],
        [leaving, names.filter((name) => !isBegun(name))],
      ] as const) {
        const replicas = standing.filter((name) => some.includes(name)).length;
        if (some.length > 0) list.push({ tenant, subnets: some.toSorted(), replicas });
      }
    }
  }
  const all = everyone.flatMap(standingOf);
  const { allowed, refusal, spent } = guardDepartures(leaving, all.length, memory.approvals);
  const going = new Map<TenantName, ReadonlySet<SubnetName> | "everything">();
  for (const { tenant, subnets } of [...begun, ...allowed]) {
    const before = going.get(tenant);
    const names = (subnets ?? []).map((name) => trusted<SubnetName>(name));
    going.set(
      tenant,
      subnets && before !== "everything" ? new Set([...(before ?? []), ...names]) : "everything",
    );
  }
  return { going, refusal, spent };
}

/** The fleet's memory of who was let go: it is carried through, and an approval that it took is spent. */
export function rememberDepartures(memory: FleetMemory, { going, spent }: Departures): FleetMemory {
  const begun = keysOf(memory.tenants).filter((tenant) => memory.tenants[tenant]?.going !== undefined);
  const tenants = { ...memory.tenants };
  for (const tenant of new Set([...begun, ...going.keys()])) {
    const now = going.get(tenant);
    const before = tenants[tenant] ?? EMPTY_TENANT;
    tenants[tenant] = { ...before, going: now === "everything" ? now : now && [...now] };
  }
  return withoutApprovals({ ...memory, tenants }, spent);
}

/** The subnets of a tenant's replicas, one for each: from memory, and from marks that memory does not have. */
function replicasOf(tenant: TenantName, memory: FleetMemory, marked: Marked): readonly string[] {
  const remembered = memory.tenants[tenant]?.replicas.map(({ subnet }) => subnet) ?? [];
  const own = marked.get(tenant) ?? [];
  return remembered.length >= own.length ? remembered : own;
}

/**
 * A tenant's documents with those that are on their way out: how they are drained still stands in their last version.
 * Undefined when nothing of the tenant is described anywhere.
 */
export function inForce(
  tenant: TenantName,
  revision: Revision,
  memory: FleetMemory,
): TenantManifests | undefined {
  const current = revision.tenants.get(tenant);
  if (current?.held !== undefined) return current;
  const subnets = new Map(current?.subnets);
  const former = memory.documents[`Tenant//${tenant}`]?.object;
  const document = current?.tenant ?? (former?.kind === "Tenant" ? former : undefined);
  for (const name of Object.keys(memory.tenants[tenant]?.segments ?? {})) {
    const object = memory.documents[`Subnet/${tenant}/${name}`]?.object;
    if (object?.kind === "Subnet" && !subnets.has(object.metadata.name))
      subnets.set(object.metadata.name, object);
  }
  return document && { name: tenant, tenant: document, subnets, held: undefined };
}

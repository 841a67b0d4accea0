import { keysOf } from "../api/records.ts";
import { type HypervisorName, type SubnetName, type TenantName, trusted } from "../api/names.ts";
import type { Refusal } from "../api/reasons.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { TenantManifests } from "../api/documents.ts";
import type { Revision } from "../manifests/revision.ts";
import { type Departure, guardDepartures } from "../plan/guard.ts";
import { EMPTY_TENANT, type FleetMemory, MANAGEMENT, withoutApprovals } from "../replicas/memory.ts";
import { observe } from "../resources/index.ts";
import type { Resource } from "../resources/resource.ts";

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
export function tenantsOf(
  revision: Revision,
  memory: FleetMemory,
  observed: readonly Resource[],
): TenantName[] {
  const names = new Set<TenantName>([
    ...revision.tenants.keys(),
    ...keysOf(memory.tenants),
    ...observed.map(({ tenant }) => tenant),
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

/** All that carries the fleet's mark on the hypervisors that were seen. */
export const observeAll = (seen: ReadonlyMap<HypervisorName, HostFacts>, memory: FleetMemory): Resource[] =>
  [...seen.values()].flatMap((facts) => observe(facts, memory.fleet));

/**
 * What to remove because its files are gone. A tree that could not be read whole removes nothing, and neither does a
 * tenant with a broken document.
 */
export function departures(
  revision: Revision,
  memory: FleetMemory,
  observed: readonly Resource[],
): Departures {
  const leaving: Departure[] = [];
  const begun: Departure[] = [];
  // guard: mass deletion
  for (const tenant of revision.complete ? tenantsOf(revision, memory, observed) : []) {
    const manifests = revision.tenants.get(tenant);
    const remembered = memory.tenants[tenant];
    const standing = replicasOf(tenant, memory, observed);
    if (!manifests) {
      const list = remembered?.going === "everything" ? begun : leaving;
      list.push({ tenant, subnets: undefined, replicas: standing.length });
      // guard: mass deletion
    } else if (manifests.held === undefined && !remembered?.down) {
      const known = new Set([...Object.keys(remembered?.segments ?? {}), ...standing]);
      const gone = [...known].filter((name) => name !== MANAGEMENT && !manifests.subnets.has(trusted(name)));
      const going = new Set<string>(remembered?.going === "everything" ? [] : remembered?.going);
      const isBegun = (name: string): boolean => going.has(name);
      for (const [list, names] of [
        [begun, gone.filter(isBegun)],
        [leaving, gone.filter((name) => !isBegun(name))],
      ] as const) {
        const replicas = standing.filter((name) => names.includes(name)).length;
        if (names.length > 0) list.push({ tenant, subnets: names.toSorted(), replicas });
      }
    }
  }
  const all = tenantsOf(revision, memory, observed).flatMap((tenant) => replicasOf(tenant, memory, observed));
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
  const tenants = { ...memory.tenants };
  for (const tenant of new Set([...keysOf(tenants), ...going.keys()])) {
    const now = going.get(tenant);
    const before = tenants[tenant] ?? EMPTY_TENANT;
    if (now !== undefined || before.going !== undefined)
      tenants[tenant] = { ...before, going: now === "everything" ? now : now && [...now] };
  }
  return withoutApprovals({ ...memory, tenants }, spent);
}

/** The subnets of a tenant's replicas, one for each: from memory, and from marks that memory does not have. */
function replicasOf(tenant: TenantName, memory: FleetMemory, observed: readonly Resource[]): string[] {
  const remembered = memory.tenants[tenant]?.replicas.map(({ subnet }) => subnet) ?? [];
  const marked = observed.filter((one) => one.kind === "container" && one.tenant === tenant);
  return remembered.length >= marked.length ? remembered : marked.map(({ subnet }) => subnet ?? "");
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
  let document = current?.tenant;
  for (const { object } of Object.values(memory.documents)) {
    if (object.kind === "Tenant" && object.metadata.name === tenant) document ??= object;
    const { kind, metadata } = object;
    if (kind === "Subnet" && metadata.namespace === tenant && !subnets.has(metadata.name))
      if (memory.tenants[tenant]?.segments[metadata.name]) subnets.set(metadata.name, object);
  }
  return document && { name: tenant, tenant: document, subnets, held: undefined };
}

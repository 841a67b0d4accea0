import { keysOf } from "../api/records.ts";
import { type HypervisorName, type SubnetName, type TenantName, trusted } from "../api/names.ts";
import type { Refusal } from "../api/reasons.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { TenantManifests } from "../api/documents.ts";
import type { Revision } from "../manifests/revision.ts";
import { type Departure, guardDepartures } from "../plan/guard.ts";
import { type FleetMemory, MANAGEMENT } from "../replicas/memory.ts";
import { observe } from "../resources/index.ts";
import type { Resource } from "../resources/resource.ts";

/** Whose files are gone, and may go. */
export interface Departures {
  readonly tenants: ReadonlySet<TenantName>;
  readonly subnets: ReadonlyMap<TenantName, ReadonlySet<SubnetName>>;
  /** Set when too much would go at once: nobody goes then. */
  readonly refusal: Refusal | undefined;
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
  for (const tenant of revision.complete ? tenantsOf(revision, memory, observed) : []) {
    const manifests = revision.tenants.get(tenant);
    const remembered = memory.tenants[tenant];
    const standing = replicasOf(tenant, memory, observed);
    if (!manifests) leaving.push({ tenant, subnets: undefined, replicas: standing.length });
    else if (manifests.held === undefined && !remembered?.down) {
      const known = [...Object.keys(remembered?.segments ?? {}), ...standing];
      const gone = new Set(
        known.filter((name) => name !== MANAGEMENT && !manifests.subnets.has(trusted(name))),
      );
      if (gone.size > 0)
        leaving.push({
          tenant,
          subnets: [...gone].toSorted(),
          replicas: standing.filter((name) => gone.has(name)).length,
        });
    }
  }
  const all = tenantsOf(revision, memory, observed).flatMap((tenant) => replicasOf(tenant, memory, observed));
  const { allowed, refusal } = guardDepartures(leaving, all.length, memory.approvals);
  return {
    tenants: new Set(allowed.filter(({ subnets }) => !subnets).map(({ tenant }) => tenant)),
    subnets: new Map(
      allowed.flatMap(({ tenant, subnets }) =>
        subnets ? [[tenant, new Set(subnets.map((name) => trusted<SubnetName>(name)))] as const] : [],
      ),
    ),
    refusal,
  };
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

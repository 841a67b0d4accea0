import type { Tenant } from "../api/kinds.gen.ts";
import type { FleetName, HypervisorName, Incarnation, SubnetName, TenantName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import type { HostFacts, NamespaceFacts, Observation, Unseen } from "../facts/facts.ts";
import { type HostTraits, traitsOf } from "../facts/traits.ts";
import { isWhole, visibilityOf } from "../facts/visibility.ts";
import type { TenantManifests } from "../api/documents.ts";
import type { Revision } from "../manifests/revision.ts";
import type { DiffOptions } from "../plan/diff.ts";
import type { Sighting } from "../replicas/evidence.ts";
import { isContainer } from "../resources/container.ts";
import { observeByTenant } from "../resources/index.ts";
import { namespaceOf, tenantOf } from "../resources/marks.ts";
import type { Resource } from "../resources/resource.ts";
import { isWorkload } from "../resources/workload.ts";
import type { ImageRules } from "../hosts/image-check.ts";
import type { FleetMemory, TenantMemory } from "../replicas/memory.ts";
import type { Pass, World } from "./controller.ts";
import { inForce } from "./departures.ts";

/** Everything a tenant's round is decided from, besides the ledger: its documents, and what the looks showed of it. */
export interface Sight extends Sighting, DiffOptions {
  readonly tenant: TenantName;
  readonly wanted: TenantManifests | undefined;
  readonly leaving: ReadonlySet<SubnetName> | "everything";
  /** Why nothing of it may be changed; undefined when all is well. */
  readonly held: Note | undefined;
  readonly facts: ReadonlyMap<HypervisorName, HostFacts>;
  readonly unseen: ReadonlyMap<HypervisorName, Unseen>;
  readonly traits: ReadonlyMap<HypervisorName, HostTraits>;
  readonly foreignVxlanIds: ReadonlySet<number>;
}

/** The tenant as one observation shows it. */
export function sightOf(
  world: World,
  pass: Pass,
  tenant: TenantName,
  { seen: facts, unseen }: Observation,
): Sight {
  const { fleet, ledger } = world;
  const { revision, departures } = pass;
  const seen = new Set(facts.keys());
  const gateway = gatewayOf(facts, ledger.state.tenants[tenant]?.primary, namespaceOf(fleet, tenant));
  const going = departures.going.get(tenant);
  const isGone = going === "everything" || ledger.state.tenants[tenant]?.down === true;
  const wanted = inForce(tenant, revision, ledger.state);
  const observed = [...facts.values()].flatMap((one) => observeByTenant(one, fleet).get(tenant) ?? []);
  const leaving = new Set([
    ...(going === "everything" ? [] : (going ?? [])),
    ...(ledger.state.tenants[tenant]?.downSubnets ?? []),
  ]);
  const strangers = new Set(
    observed
      .filter(isWorkload)
      .map(({ state }) => state.mark.subnet)
      .filter((name) => !wanted?.subnets.has(name) && !leaving.has(name)),
  );
  return {
    fleet,
    tenant,
    wanted,
    leaving: isGone ? "everything" : leaving,
    held: isGone ? undefined : heldBecause(tenant, pass, { memory: ledger.state, strangers }),
    facts,
    unseen,
    seen,
    visible: visibilityOf(facts),
    observed,
    connections: gateway?.connections,
    unclosed: gateway?.unclosed,
    sockets: socketsOf(facts, observed, wanted),
    answers: new Map<Incarnation, boolean>(),
    ...aboutAll(facts, revision, fleet),
  };
}

function heldBecause(
  tenant: TenantName,
  { revision }: Pass,
  { memory, strangers }: { memory: FleetMemory; strangers: ReadonlySet<SubnetName> },
): Note | undefined {
  const hold = (reason: Note["reason"], message: string): Note => ({
    reason,
    object: `tenant/${tenant}`,
    message,
    severity: "stuck",
  });
  const manifests = revision.tenants.get(tenant);
  if (!manifests)
    return revision.complete
      ? hold("NeedsApproval", "its files are gone; its removal waits for approval")
      : hold("ManifestInvalid", "its files are gone, but the tree could not be read whole");
  if (manifests.held !== undefined) return hold("ManifestInvalid", manifests.held);
  // With a new ledger nobody knows what an unseen hypervisor holds: nothing is given out that may be in use there, and
  // nothing that may point there is withdrawn.
  const unseen = manifests.tenant
    ? hypervisorsOf(manifests.tenant).filter((name) => !memory.seen.includes(name))
    : [];
  // guard: mass deletion
  if (strangers.size > 0)
    return hold(
      "NeedsApproval",
      `${[...strangers].join(", ")} stands without a file; its removal waits for approval`,
    );
  // guard: ledger incomplete
  if (unseen.length === 0) return undefined;
  const message = `${unseen.join(", ")} not seen since the ledger began, may hold replicas of ${tenant}`;
  return hold("LedgerIncomplete", message);
}

const hypervisorsOf = ({ spec }: Tenant): HypervisorName[] => [
  spec.primary,
  ...spec.standby.map(({ name }) => name),
];

/**
 * The same after operations whose effects are known. Connections have to be counted anew; a dry pass, which asks what will
 * come in the end, takes it that they end.
 */
export const afterwards = (sight: Sight, observed: readonly Resource[], { dryRun }: Pass): Sight => ({
  ...sight,
  observed,
  // guard: drain before remove
  connections: dryRun ? {} : undefined,
  unclosed: undefined,
  sockets: new Map(dryRun ? observed.filter(isWorkload).map(({ state }) => [state.mark.incarnation, 0]) : []),
});

/** Whether nothing of a tenant that was to go is left anywhere, so that it can be forgotten. */
export function isOver(
  { leaving, observed, visible, tenant }: Sight,
  memory: TenantMemory | undefined,
  revision: Revision,
): boolean {
  if (leaving !== "everything" || !memory || observed.length > 0 || memory.replicas.length > 0) return false;
  const heldDown = memory.down && revision.tenants.has(tenant);
  return (
    // guard: unknown is not absent
    !heldDown && memory.hypervisors.every((name) => isWhole(visible, name) || !revision.hypervisors.has(name))
  );
}

/** What each subnet's image must be, and how and from where it may be fetched, as the documents say. */
export const imageRules =
  ({ wanted, observed, seen }: Sight) =>
  (subnet: SubnetName | undefined): ImageRules => {
    const workload = subnet && wanted?.subnets.get(subnet)?.spec.workload;
    const own = wanted?.tenant ? hypervisorsOf(wanted.tenant) : [];
    const all = new Set([...own, ...observed.map(({ hypervisor }) => hypervisor)]);
    return {
      policy: workload?.imagePullPolicy ?? "IfNotPresent",
      checksum: workload?.checksum,
      order: [...all].filter((name) => seen.has(name)),
    };
  };

/** Connections are counted here, for all from outside pass it; a standby's namespace sees none of them. */
const gatewayOf = (
  facts: ReadonlyMap<HypervisorName, HostFacts>,
  home: HypervisorName | undefined,
  namespace: string,
): NamespaceFacts | undefined => home && facts.get(home)?.namespaces.get(namespace);

/**
 * Live connections that came to a replica's ports: those it listens on, and those of its document, on which one that is
 * ending does not listen any more. Where it is the client itself, nobody waits for it.
 */
function socketsOf(
  facts: ReadonlyMap<HypervisorName, HostFacts>,
  observed: readonly Resource[],
  wanted: TenantManifests | undefined,
): ReadonlyMap<Incarnation, number> {
  const counts = new Map<Incarnation, number>();
  for (const { hypervisor, state } of observed.filter(isContainer)) {
    const { id = "", mark } = state;
    const sockets = facts.get(hypervisor)?.sandboxes.get(id)?.sockets;
    if (!sockets) continue;
    const ports = wanted?.subnets.get(mark.subnet)?.spec.workload.ports ?? [];
    const isOwn = (port: number): boolean => ports.some(({ containerPort }) => containerPort === port);
    const served = [...sockets].filter(([port, { listens }]) => listens || isOwn(port));
    const live = served.reduce((sum, [, socket]) => sum + socket.live, 0);
    counts.set(mark.incarnation, live);
  }
  return counts;
}

/** What one observation shows of the hypervisors themselves. */
type AboutAll = Pick<Sight, "traits" | "foreignVxlanIds">;

/** It serves all tenants, and is read once for them all: as long as the same documents describe the hypervisors. */
const known = new WeakMap<Observation["seen"], { readonly revision: Revision; readonly about: AboutAll }>();

function aboutAll(facts: Observation["seen"], revision: Revision, fleet: FleetName): AboutAll {
  const before = known.get(facts);
  if (before?.revision === revision) return before.about;
  const uplinkOf = (name: HypervisorName): string | undefined =>
    revision.hypervisors.get(name)?.spec.uplink?.device;
  const about = {
    traits: new Map([...facts].map(([name, one]) => [name, traitsOf(one, uplinkOf(name))])),
    foreignVxlanIds: foreignVxlanIds(fleet, facts),
  };
  known.set(facts, { revision, about });
  return about;
}

/** VXLAN ids in any namespace that is not our fleet's. */
function foreignVxlanIds(
  fleet: FleetName,
  facts: ReadonlyMap<HypervisorName, HostFacts>,
): ReadonlySet<number> {
  const ids = [...facts.values()].flatMap(({ own, namespaces }) => [
    ...own.links,
    ...[...namespaces.values()].filter(({ name }) => !tenantOf(fleet, name)).flatMap(({ links }) => links),
  ]);
  return new Set(ids.flatMap(({ vxlan }) => vxlan?.id ?? []));
}

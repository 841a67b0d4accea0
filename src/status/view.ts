import type { DocumentKey } from "../api/documents.ts";
import type { Hypervisor, Subnet, Tenant } from "../api/kinds.gen.ts";
import type { FleetName, HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { ScalingMemory } from "../autoscale/decision.ts";
import type { Note } from "../api/reasons.ts";
import type { Observation } from "../facts/facts.ts";
import type { Sighting } from "../replicas/evidence.ts";
import type { TenantMemory } from "../replicas/memory.ts";
import { isActive } from "../replicas/phase.ts";
import { conditionsOf, degraded, limited } from "./conditions.ts";
import {
  type HypervisorObject,
  type ReplicaObject,
  stamp,
  type SubnetObject,
  type TenantObject,
  timestamp,
} from "./objects.ts";
import { readinessOf, viewReplica } from "./replica.ts";
import { isSeenWhole } from "../facts/visibility.ts";

/** All that people may ask for, by kind. */
export interface FleetView {
  readonly hypervisors: readonly HypervisorObject[];
  readonly tenants: readonly TenantObject[];
  readonly subnets: readonly SubnetObject[];
  readonly replicas: readonly ReplicaObject[];
  /** What connects them; nobody declares it, and it is no object. */
  readonly networks: readonly TenantNetworks[];
  /** Tenants of which more may stand than is known. */
  readonly incomplete: ReadonlySet<TenantName>;
}

/** What a tenant's networks are like beyond what its documents say. */
export interface TenantNetworks {
  readonly tenant: TenantName;
  /** Where the gateway stands; undefined until it is first placed. */
  readonly gateway: HypervisorName | undefined;
  /** By subnet, and the management network's. */
  readonly segments: TenantMemory["segments"];
}

/** What is known of one tenant. */
export interface TenantInput {
  readonly name: TenantName;
  /** Its documents in force, and those of subnets on their way out. */
  readonly document: Tenant | undefined;
  readonly subnets: ReadonlyMap<SubnetName, Subnet>;
  /** With what stands and was not remembered. */
  readonly memory: TenantMemory;
  readonly sighting: Sighting;
  /** Whether a hypervisor that may hold its things was never seen since the ledger began. */
  readonly incomplete: boolean;
  readonly notes: readonly Note[];
  /** What a pass would change, by subnet; undefined for what serves the whole tenant. */
  readonly pending: readonly (SubnetName | undefined)[];
}

export interface ViewInput {
  readonly fleet: FleetName;
  readonly hypervisors: ReadonlyMap<HypervisorName, Hypervisor>;
  readonly observation: Observation;
  readonly hypervisorNotes: readonly Note[];
  readonly tenants: readonly TenantInput[];
  /** When a document came into force, milliseconds since the epoch. */
  readonly since: (key: DocumentKey) => number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Every object of the fleet with its status: manifests, memory and one look, put together. Pure. */
export function viewFleet(input: ViewInput): FleetView {
  const { tenants, fleet, hypervisors } = input;
  return {
    hypervisors: [...hypervisors.values()].map((one) => viewHypervisor(one, input)),
    tenants: tenants.flatMap((tenant) => viewTenant(tenant, input)),
    subnets: tenants.flatMap((tenant) =>
      [...tenant.subnets.values()].map((one) => viewSubnet(one, tenant, input)),
    ),
    replicas: tenants.flatMap(({ memory, sighting }) =>
      memory.replicas
        .toSorted((a, b) => compare(a.subnet, b.subnet) || a.ordinal - b.ordinal || a.since - b.since)
        .map((replica) => viewReplica(replica, readinessOf(replica, sighting), fleet)),
    ),
    networks: tenants.map(({ name, memory: { primary, segments } }) => ({
      tenant: name,
      gateway: primary,
      segments,
    })),
    incomplete: new Set(tenants.flatMap(({ name, incomplete }) => (incomplete ? [name] : []))),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function viewHypervisor(document: Hypervisor, input: ViewInput): HypervisorObject {
  const { observation, hypervisorNotes, tenants, since, now } = input;
  const { name } = document.metadata;
  const isSeen = isSeenWhole(observation.seen.get(name));
  const replicas = tenants
    .flatMap(({ memory }) => memory.replicas)
    .filter(({ hypervisor }) => hypervisor === name).length;
  const notes = hypervisorNotes.filter(({ object }) => object === `hypervisor/${name}`);
  return {
    ...document,
    metadata: stamp(document.metadata, since(`Hypervisor//${name}`)),
    status: {
      ...(isSeen && { replicas }),
      // It is as it was seen to be by this look, and nothing is known of before.
      conditions: conditionsOf({ notes, pending: 0, since: timestamp(now) }),
    },
  };
}

function viewTenant(tenant: TenantInput, { since, now }: ViewInput): TenantObject[] {
  const { document, memory, notes, pending, subnets, name } = tenant;
  if (!document) return [];
  const created = since(`Tenant//${name}`);
  return [
    {
      ...document,
      metadata: stamp(document.metadata, created),
      status: {
        subnets: subnets.size,
        replicas: memory.replicas.filter(isActive).length,
        conditions: conditionsOf({
          notes,
          pending: pending.length,
          since: lastChange(created, memory.replicas, now),
        }),
      },
    },
  ];
}

function viewSubnet(document: Subnet, tenant: TenantInput, { since, now }: ViewInput): SubnetObject {
  const { memory, sighting } = tenant;
  const { name, namespace } = document.metadata;
  const { min, max } = document.spec.replicas;
  const own = memory.replicas.filter(({ subnet }) => subnet === name);
  const created = since(`Subnet/${namespace}/${name}`);
  const isDown = memory.down || memory.downSubnets?.includes(name);
  const desired = isDown ? 0 : Math.min(Math.max(memory.desired[name] ?? min, min), max);
  const ready = own.filter((replica) => readinessOf(replica, sighting).status === "True").length;
  const places = new Set([memory.primary, ...own.map(({ hypervisor }) => hypervisor)]);
  const notes = tenant.notes.filter((note) => concerns(note, name, places));
  const changed = lastChange(created, own, now);
  const conditions = conditionsOf({
    notes,
    pending: tenant.pending.filter((subnet) => subnet === undefined || subnet === name).length,
    since: changed,
  });
  return {
    ...document,
    metadata: stamp(document.metadata, created),
    status: {
      replicas: own.length,
      readyReplicas: ready,
      desiredReplicas: desired,
      ...scaleTimes(memory.scaling?.[name]),
      conditions: [...conditions, degraded(ready, desired, conditions), ...limited(notes, changed)],
    },
  };
}

const scaleTimes = (
  last: ScalingMemory | undefined,
): Pick<SubnetObject["status"], "lastScaleTime" | "lastScaleOutTime"> => ({
  ...(last && { lastScaleTime: timestamp(last.at) }),
  ...(last?.grewAt !== undefined && { lastScaleOutTime: timestamp(last.grewAt) }),
});

/** Whether a note of a tenant is about one of its subnets: itself, its replicas, the tenant, or a place it stands on. */
function concerns(
  { object }: Note,
  subnet: SubnetName,
  places: ReadonlySet<HypervisorName | undefined>,
): boolean {
  const [kind, owner, name = ""] = object.split("/");
  if (kind === "hypervisor") return [...places].some((place) => place === owner);
  if (kind === "replica") return name.replace(/-\d+$/, "") === subnet;
  return kind === "tenant" || name === subnet;
}

/** The last thing that is known to have happened to it: a replica's new phase, or else its document. */
const lastChange = (created: number | undefined, replicas: TenantMemory["replicas"], now: number): string =>
  timestamp(Math.max(created ?? 0, ...replicas.map(({ since }) => since)) || now);

import type { Tenant } from "../api/kinds.gen.ts";
import type { HypervisorName, TenantName, SubnetName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import { isSeenWhole } from "../facts/visibility.ts";
import type { Observation } from "../facts/facts.ts";
import type { Revision } from "../manifests/revision.ts";
import { adopt } from "../replicas/adopt.ts";
import type { Sighting } from "../replicas/evidence.ts";
import { EMPTY_TENANT, type FleetMemory, type TenantMemory } from "../replicas/memory.ts";
import { type FleetView, type TenantInput, viewFleet } from "../status/view.ts";
import { inForce } from "./departures.ts";
import { type HypervisorView, viewHypervisors } from "./hypervisor-view.ts";

/** One tenant as it was last seen. */
export interface TenantSighting {
  readonly name: TenantName;
  readonly sighting: Sighting;
  readonly notes: readonly Note[];
  /** What a pass would change, by subnet; undefined for what serves the whole tenant. */
  readonly pending: readonly (SubnetName | undefined)[];
}

export interface FleetViewInput {
  readonly revision: Revision;
  readonly memory: FleetMemory;
  readonly observation: Observation;
  readonly tenants: readonly TenantSighting[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Every object of the fleet with its status, out of what is remembered and what was seen. Pure. */
export function fleetView({ revision, memory, observation, tenants, now }: FleetViewInput): FleetView {
  const known = new Set([
    ...memory.seen,
    ...[...observation.seen].flatMap(([place, facts]) => (isSeenWhole(facts) ? [place] : [])),
  ]);
  return viewFleet({
    fleet: revision.fleet,
    hypervisors: revision.hypervisors,
    observation,
    hypervisorNotes: viewHypervisors(revision, observation).flatMap(noteOn),
    tenants: tenants.map(({ name, ...seen }): TenantInput => {
      const wanted = inForce(name, revision, memory);
      return {
        ...seen,
        name,
        document: wanted?.tenant,
        incomplete: placesOf(memory.tenants[name], wanted?.tenant).some((place) => !known.has(place)),
        subnets: wanted?.subnets ?? new Map(),
        memory: adopt(memory.tenants[name] ?? EMPTY_TENANT, wanted, seen.sighting.observed, now),
      };
    }),
    since: (key) => memory.documents[key]?.since,
    now,
  });
}

/** Every hypervisor that may hold something of a tenant. */
const placesOf = (memory: TenantMemory | undefined, document: Tenant | undefined): HypervisorName[] => [
  ...(memory?.hypervisors ?? []),
  ...(document ? [document.spec.primary, ...document.spec.standby.map(({ name }) => name)] : []),
];

function noteOn({ name, state, code, message = "" }: HypervisorView): Note[] {
  if (state === "seen") return [];
  const object = `hypervisor/${name}`;
  const reason =
    state === "no-docker"
      ? "DockerUnreachable"
      : state === "no-libvirt"
        ? "LibvirtUnreachable"
        : code === "EK-LOOK-INCOMPLETE"
          ? "LookIncomplete"
          : code === "EK-HOST-UNFIT"
            ? "HypervisorUnfit"
            : "HypervisorUnreachable";
  return [{ reason, object, message, severity: "stuck" }];
}

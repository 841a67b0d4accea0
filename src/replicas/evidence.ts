import type { Ipv4 } from "../api/addresses.ts";
import type { HypervisorName, Incarnation } from "../api/names.ts";
import type { ReplicaMemory } from "./memory.ts";
import { isNat } from "../resources/nat.ts";
import { linkNames } from "../resources/marks.ts";
import type { Resource } from "../resources/resource.ts";
import { isWorkload, type WorkloadState } from "../resources/workload.ts";
import { sees, type Visibility } from "../facts/visibility.ts";
import type { Evidence } from "./phase.ts";

/** What looks and probes showed of a tenant. */
export interface Sighting {
  /** Its resources, as the looks showed them or as operations since will have changed them. */
  readonly observed: readonly Resource[];
  /** Hypervisors that were looked at completely. */
  readonly seen: ReadonlySet<HypervisorName>;
  /** Those whose runtimes answered too. */
  readonly visible: Visibility;
  /** Live connections by replica; undefined when they were not counted. */
  readonly connections: Readonly<Record<Ipv4, number>> | undefined;
  /** Of these, those that neither side has begun to close. */
  readonly unclosed?: Readonly<Record<Ipv4, number>> | undefined;
  /** Live connections in replicas' own socket tables; those that were not read are not in it. */
  readonly sockets?: ReadonlyMap<Incarnation, number> | undefined;
  /** What the probes said. */
  readonly answers: ReadonlyMap<Incarnation, boolean>;
}

/**
 * The evidence on one replica.
 * @param options silent: it has no port to be asked on, so running and linked is all there is to know; home: where the
 *   gateway stands
 */
export function evidenceOn(
  replica: ReplicaMemory,
  sighting: Sighting,
  { silent, home }: { silent: boolean; home: HypervisorName | undefined },
): Evidence {
  const ports: readonly string[] = (["w", "m"] as const).map((role) =>
    linkNames.port(role, replica.incarnation),
  );
  const here = sighting.observed.filter(({ hypervisor }) => hypervisor === replica.hypervisor);
  const workload = here
    .filter(isWorkload)
    .find(({ state }) => state.mark.incarnation === replica.incarnation)?.state;
  return {
    visible: sees(sighting.visible, replica),
    workload: workload ? conditionOf(workload) : "absent",
    linked: ports.every((name) =>
      here.some((resource) => resource.kind === "port" && resource.name === name),
    ),
    answers: silent || sighting.answers.get(replica.incarnation),
    // guard: unknown is not absent
    balanced: home && sighting.seen.has(home) ? isBalanced(replica, sighting.observed, home) : undefined,
    // guard: unknown is not absent
    connections: sighting.connections && (sighting.connections[replica.address] ?? 0),
    unclosed: sighting.unclosed && (sighting.unclosed[replica.address] ?? 0),
    // Nobody looks into a virtual machine: the gateway's count is all there is.
    sockets: replica.runtime === "libvirt" ? 0 : sighting.sockets?.get(replica.incarnation),
  };
}

const conditionOf = ({ running, paused }: WorkloadState): Evidence["workload"] =>
  running ? "running" : paused ? "paused" : "ended";

/** Whether the balancer on a hypervisor points at a replica. */
export const isBalanced = (
  { address }: ReplicaMemory,
  observed: readonly Resource[],
  home: HypervisorName,
): boolean =>
  observed
    .filter(isNat)
    .some(
      ({ hypervisor, state }) =>
        hypervisor === home &&
        state.table.rules.some((rule) => rule.includes(`--to-destination ${address}:`)),
    );

import { digestOf } from "../api/digest.ts";
import type { Subnet, SubnetSpec } from "../api/kinds.gen.ts";
import { parseCpu, parseMemory } from "../api/quantities.ts";
import type { Need } from "../autoscale/place.ts";
import type { TenantMemory } from "./memory.ts";

/**
 * `1:HEX`: of everything that a container is made from, so that a difference means a roll. The number is the version of
 * this recipe; thresholds, bounds, services and drains are not in it, for changing them touches no replica.
 */
export const specHashOf = ({ workload }: SubnetSpec): string => {
  const { image, command, env, resources } = workload;
  return `1:${digestOf({ image, command: command ?? null, env, cpu: parseCpu(resources.cpu), memory: parseMemory(resources.memory) }).slice(0, 12)}`;
};

/** What one replica of the subnet takes of its hypervisor. */
export const needOf = ({ workload }: SubnetSpec): Need => ({
  nanoCpus: parseCpu(workload.resources.cpu),
  memory: parseMemory(workload.resources.memory),
});

/** The port that shows whether a replica is ready, until health checks come: its first TCP port, if any. */
export const readinessPort = ({ spec }: Subnet): number | undefined =>
  spec.workload.ports.find(({ protocol }) => protocol === "TCP")?.containerPort;

/** The count that load asked for last, else the minimum. Without autoscale nobody owns a count, and a former one is over. */
export const desiredOf = ({ metadata, spec }: Subnet, { desired }: TenantMemory): number =>
  (spec.autoscale && desired[metadata.name]) ?? spec.replicas.min;

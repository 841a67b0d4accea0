import { digestOf } from "../api/digest.ts";
import type { HealthCheck, Subnet, SubnetSpec } from "../api/kinds.gen.ts";
import { parseCpu, parseMemory } from "../api/quantities.ts";
import { targetPort } from "../api/subnets.ts";
import type { Need } from "../autoscale/place.ts";
import type { TenantMemory } from "./memory.ts";

/**
 * `1:HEX`: of everything that a replica is made from, so that a difference means a roll. The number is the version of
 * this recipe; thresholds, bounds, services and drains are not in it, for changing them touches no replica.
 */
export function specHashOf(spec: Pick<SubnetSpec, "workload">): string {
  const known = hashes.get(spec);
  if (known !== undefined) return known;
  const { runtime, image, command, env, checksum, kernel, userData, resources } = spec.workload;
  const made =
    runtime === "libvirt"
      ? { runtime, image: image ?? null, kernel: kernel ? { ...kernel } : null, userData: userData ?? null }
      : { image, command: command ?? null, env };
  const digest = digestOf({
    ...made,
    ...(checksum !== undefined && { checksum }),
    cpu: parseCpu(resources.cpu),
    memory: parseMemory(resources.memory),
  });
  const hash = `1:${digest.slice(0, 12)}`;
  hashes.set(spec, hash);
  return hash;
}

/** Asked for each subnet in each pass; a specification never changes, but is replaced. */
const hashes = new WeakMap<Pick<SubnetSpec, "workload">, string>();

/** What one replica of the subnet takes of its hypervisor. */
export const needOf = ({ workload }: SubnetSpec): Need => ({
  nanoCpus: parseCpu(workload.resources.cpu),
  memory: parseMemory(workload.resources.memory),
});

/** How a replica is asked whether it can serve. */
export interface Check {
  readonly port: number;
  /** What is asked for there by HTTP; undefined where a port that accepts a connection is enough. */
  readonly path: string | undefined;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

/** Where no check is written: the kind's own defaults of one. */
const UNWRITTEN = { periodSeconds: 2, timeoutSeconds: 1, failureThreshold: 3, successThreshold: 1 };

/** The check of a subnet's replicas: the written one, else its first TCP port. Undefined when there is no port to ask. */
export function checkOf({ spec }: Subnet): Check | undefined {
  const { ports } = spec.workload;
  const { httpGet, tcpSocket, ...pace }: Partial<HealthCheck> & typeof UNWRITTEN =
    spec.healthCheck ?? UNWRITTEN;
  const wanted = (httpGet ?? tcpSocket)?.port;
  const port =
    wanted === undefined
      ? ports.find(({ protocol }) => protocol === "TCP")?.containerPort
      : targetPort(ports, { port: 0, targetPort: wanted, protocol: "TCP" });
  return port === undefined ? undefined : { port, path: httpGet?.path, ...pace };
}

/** The count that load asked for last, else the minimum. Without autoscale nobody owns a count, and a former one is over. */
export const desiredOf = ({ metadata, spec }: Subnet, { desired }: TenantMemory): number =>
  (spec.autoscale && desired[metadata.name]) ?? spec.replicas.min;

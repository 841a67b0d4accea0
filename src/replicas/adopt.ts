import { addressAt, type Ipv4, parseCidr } from "../api/addresses.ts";
import { parseCpu, parseMemory } from "../api/quantities.ts";
import { MANAGEMENT, type ReplicaMemory, type SegmentMemory, type TenantMemory } from "./memory.ts";
import type { TenantManifests } from "../api/documents.ts";
import type { BridgeState } from "../resources/bridge.ts";
import type { ContainerState } from "../resources/container.ts";
import type { Resource } from "../resources/resource.ts";
import { linkNames } from "../resources/marks.ts";
import type { NatState } from "../resources/nat.ts";
import type { VxlanState } from "../resources/vxlan.ts";
import { lastIndexOf } from "./allocate.ts";

/**
 * Puts into memory what stands on the hypervisors with our mark and is not remembered: after the ledger was lost, that is
 * everything. What the ledger does remember is left as it is.
 */
export function adopt(
  memory: TenantMemory,
  wanted: TenantManifests | undefined,
  observed: readonly Resource[],
  now: number,
): TenantMemory {
  const known = new Set(memory.replicas.map(({ incarnation }) => incarnation));
  const balanced = observed
    .filter(({ kind }) => kind === "nat")
    .flatMap(({ state }) => (state as NatState).table.rules)
    .join("\n");
  const strangers = observed
    .filter(({ kind }) => kind === "container")
    .map(({ hypervisor, state }) => ({ hypervisor, mark: (state as ContainerState).mark }))
    .filter(({ mark }) => !known.has(mark.incarnation));
  const replicas = strangers.map(({ hypervisor, mark }): ReplicaMemory => {
    const resources = wanted?.subnets.get(mark.subnet)?.spec.workload.resources;
    return {
      ...mark,
      hypervisor,
      phase: balanced.includes(`--to-destination ${mark.address}:`) ? "serving" : "starting",
      since: now,
      seen: true,
      failures: 0,
      nanoCpus: resources ? parseCpu(resources.cpu) : 0,
      memory: resources ? parseMemory(resources.memory) : 0,
    };
  });
  const all = [...memory.replicas, ...replicas];
  return {
    ...memory,
    primary:
      memory.primary ??
      observed.find(({ kind, state }) => kind === "bridge" && (state as BridgeState).addresses.length > 0)
        ?.hypervisor,
    replicas: all,
    segments: { ...adoptSegments(wanted, observed, all), ...memory.segments },
  };
}

/** Segments by their VXLAN's mark; the network is what the gateway's bridge carries, else what the manifest says. */
function adoptSegments(
  wanted: TenantManifests | undefined,
  observed: readonly Resource[],
  replicas: readonly ReplicaMemory[],
): Record<string, SegmentMemory> {
  const segments: Record<string, SegmentMemory> = {};
  for (const { kind, name, subnet, state } of observed) {
    const management = name === linkNames.vxlan(undefined);
    if (kind !== "vxlan" || (!management && subnet === undefined)) continue;
    const gateway = observed.find(
      (other) => other.kind === "bridge" && other.name === linkNames.bridge(subnet) && hasAddress(other),
    );
    const written = subnet
      ? wanted?.subnets.get(subnet)?.spec.cidr
      : wanted?.tenant?.spec.managementNetwork.cidr;
    const carried = (gateway?.state as BridgeState | undefined)?.addresses[0] ?? written ?? "";
    const cidr = parseCidr(carried, "allowed");
    if (!cidr) continue;
    const addresses = subnet
      ? replicas.filter((replica) => replica.subnet === subnet).map(({ address }) => address)
      : replicas.map(({ managementAddress }) => managementAddress);
    segments[subnet ?? MANAGEMENT] = {
      vxlanId: (state as VxlanState).id,
      cidr,
      gateway: gateway ? (carried.split("/")[0] as Ipv4) : addressAt(cidr, 1),
      lastIndex: lastIndexOf(cidr, addresses),
    };
  }
  return segments;
}

const hasAddress = ({ state }: Resource): boolean => (state as BridgeState).addresses.length > 0;

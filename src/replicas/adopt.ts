import { type SubnetName, trusted } from "../api/names.ts";
import { addressAt, type Ipv4, parseCidr } from "../api/addresses.ts";
import { domainOf } from "../api/domains.ts";
import { parseCpu, parseMemory } from "../api/quantities.ts";
import { MANAGEMENT, type ReplicaMemory, type SegmentMemory, type TenantMemory } from "./memory.ts";
import type { TenantManifests } from "../api/documents.ts";
import { type BridgeState, isBridge } from "../resources/bridge.ts";
import type { Resource } from "../resources/resource.ts";
import { linkNames, type ReplicaMark } from "../resources/marks.ts";
import { isNat } from "../resources/nat.ts";
import { isResolver } from "../resources/resolver.ts";
import { isWorkload } from "../resources/workload.ts";
import { isVxlan } from "../resources/vxlan.ts";
import { lastIndexOf } from "./allocate.ts";
import { isAnnouncing } from "./home.ts";

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
    .filter(isNat)
    .flatMap(({ state }) => state.table.rules)
    .join("\n");
  // A subnet without a service is reached by its name alone.
  const named = new Set(observed.filter(isResolver).flatMap(({ state }) => state.hosts));
  const isReached = ({ tenant, subnet, address }: ReplicaMark): boolean =>
    balanced.includes(`--to-destination ${address}:`) || named.has(`${address} ${domainOf(tenant, subnet)}`);
  const strangers = observed
    .filter(isWorkload)
    .map(({ hypervisor, state: { mark } }) => ({ hypervisor, mark }))
    .filter(({ mark }) => !known.has(mark.incarnation));
  const replicas = strangers.map(({ hypervisor, mark }): ReplicaMemory => {
    const resources = wanted?.subnets.get(mark.subnet)?.spec.workload.resources;
    return {
      ...mark,
      hypervisor,
      phase: isReached(mark) ? "serving" : "starting",
      since: now,
      seen: true,
      failures: 0,
      nanoCpus: resources ? parseCpu(resources.cpu) : 0,
      memory: resources ? parseMemory(resources.memory) : 0,
    };
  });
  // One that was remembered and never came to be gives way to one that stands: another controller gave its address out.
  const taken = new Set<Ipv4>(
    replicas.flatMap(({ address, managementAddress }) => [address, managementAddress]),
  );
  const kept = memory.replicas.filter(
    // guard: fresh identity
    ({ seen, address, managementAddress }) => seen || !(taken.has(address) || taken.has(managementAddress)),
  );
  const all = [...kept, ...replicas];
  return {
    ...memory,
    primary: homeSeen(memory, observed),
    replicas: all,
    desired: { ...standingCounts(wanted, replicas), ...memory.desired },
    segments: { ...memory.segments, ...adoptSegments(memory.segments, wanted, observed, all) },
  };
}

/** The counts of subnets that follow their load: as many as there were, or load would have to show it all over again. */
function standingCounts(
  wanted: TenantManifests | undefined,
  replicas: readonly ReplicaMemory[],
): Record<SubnetName, number> {
  const counts: Record<SubnetName, number> = {};
  for (const { subnet, ordinal } of replicas)
    if (wanted?.subnets.get(subnet)?.spec.autoscale) counts[subnet] = Math.max(counts[subnet] ?? 0, ordinal);
  return counts;
}

/** Segments not known yet, by their VXLAN's mark; the network is what the gateway's bridge carries, else what the manifest says. */
function adoptSegments(
  known: TenantMemory["segments"],
  wanted: TenantManifests | undefined,
  observed: readonly Resource[],
  replicas: readonly ReplicaMemory[],
): Record<string, SegmentMemory> {
  const segments: Record<string, SegmentMemory> = {};
  const gateways = observed.filter(isBridge).filter(carriesGateway);
  for (const { name, subnet, state } of observed.filter(isVxlan)) {
    if (known[subnet ?? MANAGEMENT]) continue;
    if (name !== linkNames.vxlan(subnet)) continue; // half made: its alias does not say yet whose it is
    const gateway = gateways.find((bridge) => bridge.name === linkNames.bridge(subnet));
    const written = subnet
      ? wanted?.subnets.get(subnet)?.spec.cidr
      : wanted?.tenant?.spec.managementNetwork.cidr;
    const carried = gateway?.state.addresses[0] ?? written ?? "";
    const cidr = parseCidr(carried, "allowed");
    if (!cidr) continue;
    const addresses = subnet
      ? replicas.filter((replica) => replica.subnet === subnet).map(({ address }) => address)
      : replicas.map(({ managementAddress }) => managementAddress);
    segments[subnet ?? MANAGEMENT] = {
      vxlanId: state.id,
      cidr,
      gateway: gateway ? trusted<Ipv4>(carried.split("/")[0] ?? "") : addressAt(cidr, 1),
      lastIndex: lastIndexOf(cidr, addresses),
    };
  }
  return segments;
}

/** Where the gateway stands: as remembered, unless it answers elsewhere alone, where another controller has moved it. */
function homeSeen({ primary }: TenantMemory, observed: readonly Resource[]): TenantMemory["primary"] {
  if (primary === undefined) return observed.filter(isBridge).find(carriesGateway)?.hypervisor;
  const answering = observed.filter(isAnnouncing).map(({ hypervisor }) => hypervisor);
  return answering.includes(primary) ? primary : (answering[0] ?? primary);
}

const carriesGateway = ({ state }: Resource<BridgeState>): boolean => state.addresses.length > 0;

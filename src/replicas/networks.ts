import { addressAt, type Cidr, type Ipv4 } from "../api/addresses.ts";
import { gatewayAddress } from "../api/subnets.ts";
import { planIdOf } from "../api/digest.ts";
import { type SubnetName, type TenantName, trusted } from "../api/names.ts";
import type { Refusal } from "../api/reasons.ts";
import { MANAGEMENT, type SegmentMemory, type TenantMemory } from "./memory.ts";
import type { TenantManifests } from "../api/documents.ts";

/** A network as it is wanted. */
interface Network {
  readonly cidr: Cidr;
  readonly gateway: Ipv4;
}

export interface Networks {
  readonly segments: Readonly<Record<string, SegmentMemory>>;
  /** Subnets that an approved change takes down, to be built again with their new network. */
  readonly recreating: ReadonlySet<SubnetName>;
  readonly refusals: readonly Refusal[];
  /** Approvals that took effect, and are spent. */
  readonly spent: readonly string[];
}

/**
 * The networks in force. A new segment gets a VXLAN id; a changed network waits while replicas stand in it, until an
 * operator approves that they are all replaced: addresses cannot change under a running server.
 */
export function networks(
  tenant: TenantName,
  wanted: TenantManifests | undefined,
  memory: TenantMemory,
  options: { approvals: readonly string[]; vxlanId: (taken: readonly number[]) => number },
): Networks {
  const segments: Record<string, SegmentMemory> = { ...memory.segments };
  const recreating = new Set<SubnetName>();
  const refusals: Refusal[] = [];
  const spent: string[] = [];
  for (const [name, network] of wantedNetworks(wanted)) {
    const current = segments[name];
    if (!current) {
      const vxlanId = options.vxlanId(Object.values(segments).map((segment) => segment.vxlanId));
      segments[name] = { ...network, vxlanId, lastIndex: 0 };
      continue;
    }
    const { recreating: approved, ...segment } = current;
    if (current.cidr === network.cidr && current.gateway === network.gateway) {
      segments[name] = segment;
      continue;
    }
    const standing = memory.replicas.filter(({ subnet }) => name === MANAGEMENT || subnet === name);
    if (standing.length === 0) {
      segments[name] = { ...segment, ...network, lastIndex: 0 };
      continue;
    }
    const refusal = refuse(tenant, name, current, network, standing.length);
    const isApproved = options.approvals.includes(refusal.id);
    if (isApproved) spent.push(refusal.id);
    // guard: mass deletion
    if (!isApproved && !approved) {
      refusals.push(refusal);
      continue;
    }
    segments[name] = { ...segment, recreating: true };
    for (const { subnet } of standing) recreating.add(subnet);
  }
  return { segments, recreating, refusals, spent };
}

function* wantedNetworks(wanted: TenantManifests | undefined): Iterable<[string, Network]> {
  if (!wanted?.tenant) return;
  const { cidr } = wanted.tenant.spec.managementNetwork;
  yield [MANAGEMENT, { cidr, gateway: addressAt(cidr, 1) }];
  for (const { metadata, spec } of wanted.subnets.values())
    yield [metadata.name, { cidr: spec.cidr, gateway: gatewayAddress(spec) }];
}

function refuse(tenant: TenantName, name: string, from: Network, to: Network, replicas: number): Refusal {
  const management = name === MANAGEMENT;
  const what = (network: Network): string => `${network.cidr} (gateway ${network.gateway})`;
  return {
    id: planIdOf({ recreate: { tenant, segment: name, from: { ...pick(from) }, to: { ...pick(to) } } }),
    object: management ? `tenant/${tenant}` : `subnet/${tenant}/${trusted<SubnetName>(name)}`,
    message:
      `${management ? "managementNetwork" : "cidr"} is to change from ${what(from)} to ${what(to)}:` +
      ` all ${replicas} replicas in it would be drained and replaced`,
  };
}

const pick = ({ cidr, gateway }: Network): Network => ({ cidr, gateway });

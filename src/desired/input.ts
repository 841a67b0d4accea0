import type { Cidr, InterfaceAddress, Ipv4 } from "../api/addresses.ts";
import { prefixLength } from "../api/addresses.ts";
import type { Hypervisor, Subnet, Tenant } from "../api/kinds.gen.ts";
import { trusted } from "../api/names.ts";
import type { FleetName, HypervisorName, Incarnation, SubnetName, TenantName } from "../api/names.ts";
import type { HostTraits } from "../facts/traits.ts";
import type { ReplicaMemory, SegmentMemory, TenantMemory } from "../replicas/memory.ts";
import { MANAGEMENT } from "../replicas/memory.ts";
import { isStalled, retryAt } from "../replicas/phase.ts";

/** Everything that one tenant's desired resources follow from. */
export interface CompileInput {
  readonly fleet: FleetName;
  readonly tenant: Tenant;
  /** Subnets with their documents in force, those on their way out too. */
  readonly subnets: readonly Subnet[];
  readonly memory: TenantMemory;
  readonly hypervisors: ReadonlyMap<HypervisorName, Hypervisor>;
  readonly traits: ReadonlyMap<HypervisorName, HostTraits>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The same with all that follows from the time, which is another one in each pass. */
export interface TimelessInput extends Omit<CompileInput, "now"> {
  /** Replicas that kept ending by themselves and are not started again yet. */
  readonly waiting: ReadonlySet<Incarnation>;
}

export function withoutTime({ now, ...input }: CompileInput): TimelessInput {
  const waiting = input.memory.replicas.filter((of) => isStalled(of) && now < retryAt(of));
  return { ...input, waiting: new Set(waiting.map(({ incarnation }) => incarnation)) };
}

/** One of a tenant's networks: a subnet's, or the management network. */
export interface Segment extends SegmentMemory {
  /** Undefined for the management network. */
  readonly subnet: SubnetName | undefined;
  /** Which of a replica's two addresses lies in it. */
  readonly addressOf: (replica: ReplicaMemory) => Ipv4;
}

/** One hypervisor's part in a tenant. */
export interface Part {
  readonly name: HypervisorName;
  readonly spec: Hypervisor["spec"];
  readonly isPrimary: boolean;
  /** Whether the gateway is on its way there: its rules are made, and nothing is sent there yet. */
  readonly isComing: boolean;
  readonly traits: HostTraits;
}

/** The input with what every part of the compilation asks of it. */
export interface Scope extends TimelessInput {
  readonly name: TenantName;
  readonly parts: readonly Part[];
  readonly segments: readonly Segment[];
  /** All of them, in an order of their own. */
  readonly replicas: readonly ReplicaMemory[];
  /** Replicas whose links stand: all but those that are being removed. */
  readonly standing: readonly ReplicaMemory[];
  /** The MTU inside: what VXLAN leaves of the smallest underlay. */
  readonly mtu: number;
}

/** VXLAN over IPv4 takes 50 octets of each packet: 14 Ethernet, 20 IP, 8 UDP, 8 VXLAN (RFC 7348). */
const VXLAN_OVERHEAD = 50;

const PLAIN: HostTraits = { uplinkIsBridge: false, uplinkMtu: 1500, dropsBridged: false };

export function scope(input: TimelessInput): Scope {
  const { tenant, memory, hypervisors, traits } = input;
  const { standby } = tenant.spec;
  // In the order of names, whether or not one of them is on its way out: an order that changed would rewrite every table.
  const subnets = input.subnets.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  // Where the gateway stands, which is not where it is wanted as long as it must not move.
  const primary = memory.primary ?? tenant.spec.primary;
  // In an order of their own, so that a ledger rebuilt from marks gives the same rules as the one that was lost.
  const replicas = memory.replicas.toSorted((a, b) =>
    a.subnet < b.subnet
      ? -1
      : a.subnet > b.subnet
        ? 1
        : a.ordinal - b.ordinal || (a.incarnation < b.incarnation ? -1 : 1),
  );
  const standing = replicas.filter(({ phase }) => phase !== "leaving");
  const names = new Set([
    primary,
    tenant.spec.primary,
    ...standby.map(({ name }) => name),
    ...standing.map(({ hypervisor }) => hypervisor),
  ]);
  const parts = [...names].flatMap((name): Part[] => {
    const spec = hypervisors.get(name)?.spec;
    const isComing = name === memory.move?.to;
    const isPrimary = name === primary;
    return spec ? [{ name, spec, isPrimary, isComing, traits: traits.get(name) ?? PLAIN }] : [];
  });
  return {
    ...input,
    subnets,
    name: tenant.metadata.name,
    parts,
    replicas,
    standing,
    segments: segmentsOf(memory, subnets),
    mtu: Math.min(...parts.map(({ spec }) => spec.underlay.mtu)) - VXLAN_OVERHEAD,
  };
}

function segmentsOf(memory: TenantMemory, subnets: readonly Subnet[]): Segment[] {
  const management = memory.segments[MANAGEMENT];
  return [
    ...subnets.flatMap(({ metadata: { name } }): Segment[] => {
      const segment = memory.segments[name];
      return segment ? [{ ...segment, subnet: name, addressOf: ({ address }) => address }] : [];
    }),
    ...(management
      ? [
          {
            ...management,
            subnet: undefined,
            addressOf: ({ managementAddress }: ReplicaMemory) => managementAddress,
          },
        ]
      : []),
  ];
}

/** An address with its network's prefix, as `ip addr` writes it. */
export const within = (cidr: Cidr, address: Ipv4): InterfaceAddress =>
  trusted(`${address}/${prefixLength(cidr)}`);

/** Replicas of a segment: for the management network, all. */
export const replicasOn = ({ standing }: Scope, { subnet }: Segment): readonly ReplicaMemory[] =>
  subnet === undefined ? standing : standing.filter((replica) => replica.subnet === subnet);

/** The same with those that are being removed. */
export const allOn = ({ replicas }: Scope, { subnet }: Segment): readonly ReplicaMemory[] =>
  subnet === undefined ? replicas : replicas.filter((replica) => replica.subnet === subnet);

import type { Cidr, Ipv4 } from "../api/addresses.ts";
import type { FleetName, HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { ScalingMemory } from "../autoscale/decision.ts";
import type { DocumentKey, StoredDocument } from "../api/documents.ts";
import type { BastionMemory } from "./bastion.ts";
import { containerName, type ReplicaMark } from "../resources/marks.ts";

/**
 * Where a replica is in its life.
 *
 * `starting` it is made, linked and asked whether it answers · `serving` the balancer points at it · `draining` no new
 * connections, the old ones may end · `stopping` its signal was sent, its links stay · `leaving` it is removed
 */
export type ReplicaPhase = "starting" | "serving" | "draining" | "stopping" | "leaving";

/** What is remembered of a drain, for its receipt. */
export interface DrainMemory {
  /** Milliseconds since the epoch. */
  readonly began: number;
  /** Most connections that were open at once. */
  readonly seen: number;
  /** Connections open when they were last counted. */
  readonly open: number;
  /** Why it came to its end; undefined while it goes on. */
  readonly reason?: DrainReason;
}

/** `empty` no connection was left · `deadline` its time was over · `ended by itself` the workload did not wait */
export type DrainReason = "empty" | "deadline" | "ended by itself";

/** What is remembered of one incarnation. */
export interface ReplicaMemory extends ReplicaMark {
  readonly hypervisor: HypervisorName;
  readonly phase: ReplicaPhase;
  /** Milliseconds since the epoch when the phase began. */
  readonly since: number;
  /** Whether its container has been seen: gone after that means that somebody removed it. */
  readonly seen: boolean;
  /** When it was first seen out of the balancer with its connections counted: its grace begins then, not before. */
  readonly drainsFrom?: number;
  /** What was counted since it drains. */
  readonly drain?: DrainMemory;
  /** When its workload was told to end; until then it is told with each pass. */
  readonly toldAt?: number;
  /** Since when it fails its health check, milliseconds since the epoch; undefined while it is as well as is known. */
  readonly unhealthySince?: number;
  /** Why another is to come in its place, make before break. */
  readonly replace?: string;
  /** When it was last told to start; undefined again when it was seen how that came out. */
  readonly startedAt?: number | undefined;
  /** How often in a row it was told to start and ended by itself. */
  readonly failures: number;
  /** What it takes of its hypervisor: billionths of a CPU, bytes. */
  readonly nanoCpus: number;
  readonly memory: number;
  /** Why it is on its way out, for people. */
  readonly because?: string;
}

/** How often replicas of a subnet were replaced in a row because they were unhealthy. */
export interface HealingMemory {
  readonly times: number;
  /** When the last one was chosen, milliseconds since the epoch. */
  readonly at: number;
}

/** One segment: a subnet's, or the management network's. */
export interface SegmentMemory {
  readonly vxlanId: number;
  /** The network in force; a changed manifest does not change it while replicas stand in it. */
  readonly cidr: Cidr;
  readonly gateway: Ipv4;
  /** Its replicas are all on their way out, because an operator let it change its network. */
  readonly recreating?: boolean;
  /** Index in the network of the address given out last: the next is looked for after it. */
  readonly lastIndex: number;
}

/** An address is not given out again until messages that still name it have died out. */
export interface ReleasedAddress {
  readonly address: Ipv4;
  readonly at: number;
}

/** How far a gateway is on its way. */
export interface HomeMove {
  readonly to: HypervisorName;
  /** Its rules stand there, and the old home is to stop answering. */
  readonly withdrawn: boolean;
  /** Connections that pass the old home, as they were last counted. */
  readonly cut?: number;
}

export interface TenantMemory {
  /** Where the gateway stands; undefined until it is first placed. */
  readonly primary: HypervisorName | undefined;
  /** A gateway on its way to another home; the new one answers when the old one was seen to have stopped. */
  readonly move?: HomeMove | undefined;
  /** Every hypervisor that may hold something of the tenant, also those that the manifest no longer names. */
  readonly hypervisors: readonly HypervisorName[];
  readonly segments: Readonly<Record<string, SegmentMemory>>;
  readonly replicas: readonly ReplicaMemory[];
  /** The tenant's bastion, where it has one. */
  readonly bastion?: BastionMemory | undefined;
  readonly released: readonly ReleasedAddress[];
  /** Desired counts, owned by the autoscale controller; a subnet without one stands at its minimum. */
  readonly desired: Readonly<Record<SubnetName, number>>;
  /** When each of them last changed, and how; a ledger from before there was scaling has none. */
  readonly scaling?: Readonly<Record<SubnetName, ScalingMemory>>;
  /** Subnets whose prober is suspected, because most of their replicas fail at once. */
  readonly suspected?: readonly SubnetName[];
  /** Replacements of unhealthy replicas. */
  readonly healing?: Readonly<Record<SubnetName, HealingMemory>>;
  /** What was let go because its files are gone: begun is carried through, whatever else goes meanwhile. */
  readonly going?: readonly SubnetName[] | "everything" | undefined;
  /** Held down by an operator until its files go, or `reconcile up`. */
  readonly down: boolean;
  /** Subnets held down likewise. */
  readonly downSubnets?: readonly SubnetName[] | undefined;
}

/** Key of the management segment among a tenant's segments; no subnet can have it, for it holds a dot. */
export const MANAGEMENT = "management.";

export const EMPTY_TENANT: TenantMemory = {
  primary: undefined,
  hypervisors: [],
  segments: {},
  replicas: [],
  released: [],
  desired: {},
  down: false,
};

/** What the whole fleet's controller remembers. Never the only copy of ownership: marks on the hosts are enough. */
export interface FleetMemory {
  readonly version: 1;
  readonly fleet: FleetName;
  /** Of the last fence taken; each controller that takes over uses the next. */
  readonly epoch: number;
  /** Random; says on a fence that it is this ledger's own, whichever process wrote it. Empty until it is first used. */
  readonly id: string;
  /** Hypervisors seen at least once since this ledger began: before that, what they hold is not known. */
  readonly seen: readonly HypervisorName[];
  /** Kept empty by an operator until `reconcile up hypervisor/HV`: replicas move away, gateways stay. */
  readonly drained?: readonly HypervisorName[];
  readonly lastVxlanId: number;
  readonly releasedVxlanIds: readonly { readonly id: number; readonly at: number }[];
  /** Ids of refused plans that an operator let through. */
  readonly approvals: readonly string[];
  readonly tenants: Readonly<Record<TenantName, TenantMemory>>;
  /** Last good version of each document, by `Kind/namespace/name`. */
  readonly documents: Readonly<Record<DocumentKey, StoredDocument>>;
}

export const emptyMemory = (fleet: FleetName): FleetMemory => ({
  version: 1,
  fleet,
  epoch: 0,
  id: "",
  seen: [],
  lastVxlanId: 0,
  releasedVxlanIds: [],
  approvals: [],
  tenants: {},
  documents: {},
});

/** Whether no replica is on its way anywhere, so that a controller may end after this. */
export const isAtRest = ({ tenants }: FleetMemory): boolean =>
  Object.values(tenants).every(({ replicas }) => replicas.every(({ phase }) => phase === "serving"));

/** Whether a step changed nothing that another step would go on from. */
export const samePhases = (before: TenantMemory | undefined, after: TenantMemory): boolean => {
  const phases = (of: TenantMemory | undefined): string =>
    (of?.replicas ?? []).map(({ incarnation, phase }) => `${incarnation} ${phase}`).join();
  // A ledger is not written for the order of its keys.
  const names = (of: TenantMemory | undefined): string =>
    Object.keys(of?.segments ?? {})
      .toSorted()
      .join();
  return (
    before?.primary === after.primary &&
    before?.move?.to === after.move?.to &&
    before?.move?.withdrawn === after.move?.withdrawn &&
    phases(before) === phases(after) &&
    names(before) === names(after)
  );
};

/** The fleet's memory with the workloads of some containers told to end, and others to start. */
export function withTold(
  fleet: FleetMemory,
  tenant: TenantName,
  { toEnd, toStart }: { readonly toEnd: readonly string[]; readonly toStart: readonly string[] },
  now: number,
): FleetMemory {
  const memory = fleet.tenants[tenant];
  if (!memory || toEnd.length + toStart.length === 0) return fleet;
  const replicas = memory.replicas.map((one) => {
    const name = containerName(fleet.fleet, one);
    if (toEnd.includes(name)) return { ...one, toldAt: now };
    return toStart.includes(name) ? { ...one, startedAt: now } : one;
  });
  return { ...fleet, tenants: { ...fleet.tenants, [tenant]: { ...memory, replicas } } };
}

/** An approval is good for once: the same plan, another time, is asked about again. */
export const withoutApprovals = (fleet: FleetMemory, spent: readonly string[]): FleetMemory =>
  spent.length === 0 ? fleet : { ...fleet, approvals: fleet.approvals.filter((id) => !spent.includes(id)) };

/** VXLAN ids are forgotten after this long, well after their quarantine. */
const RELEASED_MILLISECONDS = 600_000;

/** The fleet's memory with one tenant's replaced, or forgotten; VXLAN ids that it gave up rest for a while. */
export function withTenant(
  fleet: FleetMemory,
  tenant: TenantName,
  memory: TenantMemory | undefined,
  now: number,
): FleetMemory {
  if (memory === fleet.tenants[tenant]) return fleet;
  const { [tenant]: before, ...others } = fleet.tenants;
  const ids = (of: TenantMemory | undefined): number[] =>
    Object.values(of?.segments ?? {}).map((one) => one.vxlanId);
  const released = ids(before).filter((id) => !ids(memory).includes(id));
  return {
    ...fleet,
    tenants: memory ? { ...others, [tenant]: memory } : others,
    lastVxlanId: Math.max(fleet.lastVxlanId, ...ids(memory)),
    releasedVxlanIds: [
      ...fleet.releasedVxlanIds.filter(({ at }) => now - at < RELEASED_MILLISECONDS),
      ...released.map((id) => ({ id, at: now })),
    ],
  };
}

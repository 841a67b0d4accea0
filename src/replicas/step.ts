import { isDeepStrictEqual } from "node:util";
import type { Hypervisor, TenantSpec } from "../api/kinds.gen.ts";
import {
  type HypervisorName,
  type Incarnation,
  replicaName,
  type SubnetName,
  type TenantName,
  trusted,
} from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import { place } from "../autoscale/place.ts";
import { isWhole } from "../facts/visibility.ts";
import {
  EMPTY_TENANT,
  type FleetMemory,
  MANAGEMENT,
  type ReplicaMemory,
  type TenantMemory,
} from "./memory.ts";
import type { TenantManifests } from "../api/documents.ts";
import { adopt } from "./adopt.ts";
import { AddressBook, nextVxlanId } from "./allocate.ts";
import { bastionNotes, nextBastion } from "./bastion.ts";
import { evidenceOn, type Sighting } from "./evidence.ts";
import { fit } from "./fit.ts";
import { heal, healsAt, healthNotes } from "./heal.ts";
import { homeOf } from "./home.ts";
import { withoutFuture } from "./moments.ts";
import { networks } from "./networks.ts";
import { advance, beganAt, type Grace, isActive, isStalled, retryAt } from "./phase.ts";
import { type DrainReceipt, receiptsOf } from "./receipt.ts";
import { candidates, othersThan } from "./room.ts";
import { checkOf, desiredOf } from "./spec.ts";

/** Everything a tenant's next step depends on. Nothing else may: the step is pure. */
export interface StepInput extends Sighting {
  readonly tenant: TenantName;
  /** Its documents in force, and those of subnets that are on their way out. */
  readonly wanted: TenantManifests | undefined;
  /** Subnets whose replicas are all to go; `everything` for a tenant that is gone or held down. */
  readonly leaving: ReadonlySet<SubnetName> | "everything";
  readonly fleet: FleetMemory;
  readonly hypervisors: ReadonlyMap<HypervisorName, Hypervisor>;
  /** CPU used ÷ CPUs, of hypervisors with a fresh sample; undefined where nobody samples: then load is not considered. */
  readonly loads?: ReadonlyMap<HypervisorName, number> | undefined;
  /** VXLAN ids that somebody else uses. */
  readonly foreignVxlanIds: ReadonlySet<number>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly fresh: () => Incarnation;
}

/** What is to be remembered, and what people should know. */
export interface StepResult {
  readonly memory: TenantMemory;
  readonly notes: readonly Note[];
  /** What happened now, and is told once. */
  readonly news: readonly Note[];
  readonly refusals: readonly Refusal[];
  /** Approvals that took effect now; they are good for once. */
  readonly spent: readonly string[];
  /** Of replicas that are gone since the last step. */
  readonly receipts: readonly DrainReceipt[];
  /** When time alone will change something, milliseconds since the epoch. */
  readonly nextDeadline: number | undefined;
}

/** Released addresses are forgotten after this long, well after their quarantine. */
const RELEASED_MILLISECONDS = 600_000;

/** One tenant's next step: which replicas there are, where, and in which phase. */
export function step(input: StepInput): StepResult {
  const { tenant, wanted, fleet, now } = input;
  const remembered = withoutFuture(fleet.tenants[tenant] ?? EMPTY_TENANT, now);
  const before = adopt(remembered, wanted, input.observed, now);
  const { segments, recreating, refusals, spent } = networks(tenant, wanted, before, {
    approvals: fleet.approvals,
    vxlanId: (taken) => nextVxlanId(fleet, new Set([...input.foreignVxlanIds, ...taken]), now),
  });

  const { primary, move, ...home } = homeOf(before, {
    ...input,
    document: wanted?.tenant,
    approvals: fleet.approvals,
  });
  const advanced = before.replicas.map((replica) => advanceOne(replica, input, before.primary));
  const gone = before.replicas.filter((_, index) => advanced[index] === undefined);
  const released = gone.flatMap((replica) => [replica.address, replica.managementAddress]);
  const memory: TenantMemory = {
    ...before,
    // A hold ends with the files that it holds back.
    downSubnets: before.downSubnets?.filter((name) => wanted?.subnets.has(name)),
    primary,
    move,
    hypervisors: whereabouts(before, input),
    segments,
    bastion: nextBastion(home.spent.length > 0 ? undefined : before.bastion, {
      tenant: wanted?.tenant,
      home: primary,
      cidr: segments[MANAGEMENT]?.cidr,
      observed: input.observed,
      visible: input.visible,
      hypervisors: input.hypervisors,
      fresh: input.fresh,
    }),
    replicas: advanced.filter((replica) => replica !== undefined),
    released: [...before.released, ...released.map((address) => ({ address, at: now }))].filter(
      ({ at }) => now - at < RELEASED_MILLISECONDS,
    ),
  };
  const subnets = [...(wanted?.subnets.values() ?? [])];
  const healed = subnets.reduce((all, subnet) => heal(all, subnet, input), memory);
  const leavesBecause = (subnet: SubnetName): string | undefined => {
    if (input.leaving === "everything") return "its tenant goes";
    if (input.leaving.has(subnet)) return "its subnet goes";
    return recreating.has(subnet) ? "its network changes" : undefined;
  };
  const { replicas, book, notes } = fitAll(healed, input, leavesBecause);
  const next = forget(
    { ...healed, replicas: replicas.map((one) => withoutDocument(one, input)), segments: book.segments },
    input,
  );
  // The same object where nothing is new, so that nobody need compare it.
  const former = fleet.tenants[tenant];
  const after = former && isDeepStrictEqual(former, next) ? former : next;
  return {
    memory: after,
    notes: [
      ...home.notes,
      ...notes,
      ...bastionNotes(tenant, after.bastion, after.primary),
      ...stalled(after),
      ...subnets.flatMap((subnet) => healthNotes(after, subnet, input)),
    ],
    news: home.news,
    refusals: [...refusals, ...home.refusals],
    spent: [...spent, ...home.spent],
    receipts: gone.flatMap((replica) => receiptsOf(replica, now)),
    nextDeadline: earliest(after, input),
  };
}

const standbys = (spec: TenantSpec): HypervisorName[] => [
  spec.primary,
  ...spec.standby.map(({ name }) => name),
];

/** Of a tenant or subnet without any document, nothing says how long an end may take: the kind's own defaults. */
const graceOf = (replica: ReplicaMemory, { wanted }: StepInput): Grace => {
  const spec = wanted?.subnets.get(replica.subnet)?.spec;
  const { gracePeriodSeconds = 30, stopSeconds = 10 } = spec?.drain ?? {};
  const { startSeconds = 300 } = spec?.workload ?? {};
  return { start: startSeconds * 1000, drain: gracePeriodSeconds * 1000, stop: stopSeconds * 1000 };
};

function advanceOne(
  replica: ReplicaMemory,
  input: StepInput,
  home: HypervisorName | undefined,
): ReplicaMemory | undefined {
  const subnet = input.wanted?.subnets.get(replica.subnet);
  const silent = subnet === undefined || checkOf(subnet) === undefined;
  return advance(replica, evidenceOn(replica, input, { silent, home }), graceOf(replica, input), input.now);
}

function fitAll(
  memory: TenantMemory,
  input: StepInput,
  leavesBecause: (subnet: SubnetName) => string | undefined,
): { replicas: readonly ReplicaMemory[]; book: AddressBook; notes: Note[] } {
  const { wanted, fleet, tenant, now } = input;
  const spec = wanted?.tenant?.spec;
  const bastion = spec?.bastion ? [spec.bastion.address] : [];
  const book = new AddressBook(memory, bastion, now);
  const order = spec ? standbys(spec) : [];
  let others: readonly ReplicaMemory[] | undefined;
  const notes: Note[] = [];
  let replicas: readonly ReplicaMemory[] = memory.replicas;
  for (const subnet of wanted?.subnets.values() ?? []) {
    const { name } = subnet.metadata;
    const { min, max } = subnet.spec.replicas;
    const leaving = leavesBecause(name);
    const count = leaving ? 0 : Math.min(Math.max(desiredOf(subnet, memory), min), max);
    const result = fit(subnet, replicas, {
      count,
      surplus: leaving ?? `replicas wanted: ${count}`,
      now,
      unwelcome: (hypervisor) => {
        if (!order.includes(hypervisor)) return `it may not stand on ${hypervisor}`;
        return fleet.drained?.includes(hypervisor) ? `${hypervisor} is being drained` : undefined;
      },
      place: (need, standing, { ordinal, same }) =>
        place(
          candidates(
            { order, same, runtime: subnet.spec.workload.runtime },
            { ...input, drained: fleet.drained },
            [...(others ??= othersThan(tenant, fleet)), ...standing],
          ),
          need,
          input.loads === undefined ? "ignored" : ordinal > min ? "required" : "preferred",
        ),
      addresses: (standing) => book.take(name, standing),
      fresh: input.fresh,
    });
    replicas = result.replicas;
    notes.push(...result.notes);
  }
  return { replicas, book, notes };
}

/** A replica of a subnet that no document describes any more is drained as the kind's own defaults say. */
const withoutDocument = (replica: ReplicaMemory, { wanted, leaving, now }: StepInput): ReplicaMemory =>
  wanted?.subnets.has(replica.subnet) ||
  !isActive(replica) ||
  (leaving !== "everything" && !leaving.has(replica.subnet))
    ? replica
    : { ...replica, phase: "draining", since: now, because: "its subnet is gone" };

/** Where something of the tenant may stand: where it is wanted, where replicas are, and where it was until seen to be gone. */
function whereabouts(
  memory: TenantMemory,
  { wanted, observed, visible, leaving }: StepInput,
): HypervisorName[] {
  const standing = observed.map(({ hypervisor }) => hypervisor);
  // guard: unknown is not absent
  const unseen = memory.hypervisors.filter((name) => !isWhole(visible, name));
  const asked = wanted?.tenant && leaving !== "everything" ? standbys(wanted.tenant.spec) : [];
  const replicas = memory.replicas.map(({ hypervisor }) => hypervisor);
  return [...new Set([...asked, ...standing, ...unseen, ...replicas])].toSorted();
}

/** What is remembered of subnets that are gone with all their replicas. */
function forget(memory: TenantMemory, { leaving }: StepInput): TenantMemory {
  const gone = (name: string): boolean => {
    if (name === MANAGEMENT) return leaving === "everything" && memory.replicas.length === 0;
    const subnet = trusted<SubnetName>(name);
    const isLeaving = leaving === "everything" || leaving.has(subnet);
    return isLeaving && !memory.replicas.some((replica) => replica.subnet === subnet);
  };
  const kept = <Value>(record: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !gone(name)));
  const { segments, desired, scaling, healing, suspected } = memory;
  return {
    ...memory,
    segments: kept(segments),
    desired: kept(desired),
    ...(scaling && { scaling: kept(scaling) }),
    ...(healing && { healing: kept(healing) }),
    ...(suspected && { suspected: suspected.filter((name) => !gone(name)) }),
  };
}

/** Where the workload's own words are. */
const logsOf = ({ runtime }: ReplicaMemory): string =>
  runtime === "libvirt" ? "its console.log under /var/lib/evenkeel" : "docker logs";

const stalled = (memory: TenantMemory): Note[] =>
  memory.replicas.filter(isStalled).map((replica) => ({
    reason: "ReplicaFailing",
    object: `replica/${replica.tenant}/${replicaName(replica.subnet, replica.ordinal)}`,
    message: `did not come up ${replica.failures} times, last on ${replica.hypervisor}; ${logsOf(replica)} there says why`,
    severity: "stuck",
  }));

function earliest(memory: TenantMemory, input: StepInput): number | undefined {
  const deadlines = memory.replicas.flatMap((replica) => {
    const { start, drain, stop } = graceOf(replica, input);
    if (replica.phase === "draining") return [(replica.drainsFrom ?? input.now) + drain];
    if (replica.phase === "stopping") return [(replica.toldAt ?? input.now) + stop];
    if (isStalled(replica)) return [retryAt(replica)];
    const overdue = beganAt(replica) + start;
    return replica.phase === "starting" && overdue > input.now ? [overdue] : [];
  });
  const healings = [...(input.wanted?.subnets.values() ?? [])].flatMap(
    (subnet) => healsAt(memory, subnet, input) ?? [],
  );
  const all = [...deadlines, ...healings];
  return all.length === 0 ? undefined : Math.min(...all);
}

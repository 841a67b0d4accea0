import { entriesOf } from "../api/records.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import type { DocumentKey, StoredDocument } from "../api/documents.ts";
import type { Refusal } from "../api/reasons.ts";
import type { Clock } from "../clock/clock.ts";
import type { Observation } from "../facts/facts.ts";
import { forgetRules } from "../facts/rules.ts";
import { Turns } from "../clock/turns.ts";
import { RoundTrips } from "../hosts/round-trips.ts";
import type { Revision } from "../manifests/revision.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { type FleetMemory, isAtRest } from "../replicas/memory.ts";
import type { TenantResult, World } from "./controller.ts";
import { abandoned, withoutAbandoned } from "./abandoned.ts";
import { departures, markedOn, rememberDepartures, tenantsOf, withStanding } from "./departures.ts";
import { lookAtAll } from "./hypervisor.ts";
import { tenantController } from "./tenant.ts";

/** What one pass over the fleet is given. */
export interface PassOptions {
  readonly revision: Revision;
  readonly clock: Clock;
  readonly dryRun: boolean;
  /** Ends what runs on the hypervisors at once. */
  readonly signal: AbortSignal;
  /** Begins no further round. */
  readonly stop: AbortSignal;
  /** CPU used ÷ CPUs by hypervisor, where somebody samples. */
  readonly loads?: ReadonlyMap<HypervisorName, number> | undefined;
  /** Only these tenants; undefined for all that manifests, memory or marks know. */
  readonly only: readonly TenantName[] | undefined;
  /** Deadlines on the hypervisors, in seconds. */
  readonly lookSeconds: number;
  readonly changeSeconds: number;
  readonly show: (tenant: TenantName, entries: readonly PlanEntry[]) => void;
}

export interface PassResult {
  readonly tenants: readonly TenantResult[];
  /** What waits for approval and is no single tenant's: that too much would go at once, that a hypervisor is lost. */
  readonly refusals: readonly Refusal[];
  readonly observation: Observation;
}

/** One pass: a look at all hypervisors, then every tenant's loop, side by side and in shared round trips. */
export async function passOver(world: World, options: PassOptions): Promise<PassResult> {
  const { clock, dryRun, signal, stop } = options;
  const revision = withStanding(options.revision, world.ledger.state);
  const now = clock.now();
  const log = world.log.child({ pass: clock.nonce().slice(0, 6), dryRun });
  const turns = new Turns(clock.now);
  const turn = (): Promise<void> => turns.take();
  const trips = (members: number): RoundTrips =>
    new RoundTrips({
      fleet: world.fleet,
      hosts: world.hosts,
      reach: world.reach,
      fences: world.fences,
      members,
      claim: () => world.claim,
      // guard: dry is dry
      freeFence: () => !dryRun && !world.stays && isAtRest(world.ledger.state),
      keepsFence: !dryRun && world.stays,
      lookSeconds: options.lookSeconds,
      changeSeconds: options.changeSeconds,
      signal,
      nonce: clock.nonce,
      now: clock.now,
      schedule: clock.schedule,
      turn,
      count: world.count,
      timed: world.timed,
      log,
    });
  forgetRules();
  const observation = await lookAtAll(world, revision, trips(1), {
    dryRun,
    signal,
    nonce: clock.nonce,
  });
  const lost = abandoned(revision, world.ledger.state, new Set(observation.unseen.keys()));
  await world.ledger.update((state) => withoutAbandoned(state, lost));
  const marked = await markedOn(observation.seen, world.fleet, turn);
  await turn();
  await world.ledger.update((state) => withDocuments(state, revision, now));
  await turn();
  const leaving = departures(revision, world.ledger.state, marked);
  await world.ledger.update((state) => (revision.complete ? rememberDepartures(state, leaving) : state));
  const everyone = tenantsOf(revision, world.ledger.state, marked);
  const names = options.only ? everyone.filter((name) => options.only?.includes(name)) : everyone;

  const shared = trips(names.length);
  const { reconcile } = tenantController(world);
  const settled = await Promise.allSettled(
    names.map(async (tenant) => {
      try {
        await turn();
        return await reconcile(tenant, {
          revision,
          now: clock.now,
          dryRun,
          signal,
          stop,
          log: log.child({ tenant }),
          observation,
          loads: options.loads,
          departures: leaving,
          trips: shared,
          fresh: clock.incarnation,
          show: options.show,
        });
      } finally {
        shared.leave();
      }
    }),
  );
  // Not before all have come to their end: a pass that is over has nothing under way.
  const tenants = settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  log.debug({ tenants: tenants.length, milliseconds: clock.now() - now }, "pass");
  const refusals = [...(leaving.refusal ? [leaving.refusal] : []), ...lost.refusals];
  return { tenants, refusals, observation };
}

/** With the documents in force, and those of what is gone from the tree but not yet from the hypervisors. */
function withDocuments(memory: FleetMemory, revision: Revision, now: number): FleetMemory {
  const before = entriesOf(memory.documents);
  /** The same object where nothing is new, so that it need not be compared. */
  const kept = (key: DocumentKey, { object, file }: StoredDocument): StoredDocument | undefined => {
    const known = memory.documents[key];
    return known?.object === object && known.file === file ? known : undefined;
  };
  const isNew = [...revision.documents].some(([key, document]) => !kept(key, document));
  if (!isNew && before.length === revision.documents.size) return memory;
  const departing = before.filter(([key, { object }]) => {
    if (revision.documents.has(key)) return false;
    if (object.kind === "Hypervisor") return revision.hypervisors.has(object.metadata.name);
    if (object.kind === "Tenant") return memory.tenants[object.metadata.name] !== undefined;
    const { namespace, name } = object.metadata;
    return memory.tenants[namespace]?.segments[name] !== undefined;
  });
  const inForce = [...revision.documents].map(([key, document]) => {
    const since = memory.documents[key]?.since ?? now;
    return [key, kept(key, document) ?? { ...document, since }] as const;
  });
  return { ...memory, documents: { ...Object.fromEntries(departing), ...Object.fromEntries(inForce) } };
}

import type { DecisionRecord } from "../autoscale/record.ts";
import type { FleetName, HypervisorName, Incarnation, TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { Settled } from "../engine/queue.ts";
import type { Observation } from "../facts/facts.ts";
import type { FenceClaim } from "../hosts/render.ts";
import type { Failure } from "../hosts/failure.ts";
import type { Host } from "../hosts/host.ts";
import type { Fences } from "../hosts/fences.ts";
import type { Images } from "../hosts/images.ts";
import type { Reachability } from "../hosts/reachability.ts";
import type { RoundTrips, Timed, TripCounts } from "../hosts/round-trips.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Revision } from "../manifests/revision.ts";
import type { Sighting } from "../replicas/evidence.ts";
import type { DrainReceipt } from "../replicas/receipt.ts";
import type { Departures } from "./departures.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { Log } from "../telemetry/log.ts";

/**
 * One loop. It reads all it needs, closes the gap, looks again, and says when it wants to be called again; called twice it
 * does nothing the second time. Whatever goes wrong on a hypervisor is in the result, not thrown.
 */
export interface Controller<Request, Result, Given = Pass> {
  readonly name: string;
  readonly reconcile: (request: Request, pass: Given) => Promise<Result>;
}

/** What all controllers share for the life of the process. They speak to each other through the ledger alone. */
export interface World {
  readonly fleet: FleetName;
  readonly ledger: Ledger;
  readonly hosts: ReadonlyMap<HypervisorName, Host>;
  /** Who this controller is on the hypervisors' fences; set when it takes hold of them. */
  claim: FenceClaim;
  readonly takeOver: boolean;
  /** Whether it goes on after everything is done: then it keeps its fences. */
  readonly stays: boolean;
  readonly images: Images;
  readonly reach: Reachability;
  readonly fences: Fences;
  readonly count: TripCounts;
  readonly timed?: Timed;
  readonly log: Log;
}

/** What holds for one pass over some tenants. */
export interface Pass {
  readonly revision: Revision;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Decide everything, change nothing. */
  readonly dryRun: boolean;
  /** Ends what runs on the hypervisors at once; what came of it is then unknown. */
  readonly signal: AbortSignal;
  /** Begins nothing new: what was begun is carried out, looked at, and that is all. */
  readonly stop: AbortSignal;
  readonly log: Log;
  /** The look that the pass began with. */
  readonly observation: Observation;
  /** CPU used ÷ CPUs by hypervisor; undefined where nobody samples. */
  readonly loads: ReadonlyMap<HypervisorName, number> | undefined;
  readonly departures: Departures;
  readonly trips: RoundTrips;
  readonly fresh: () => Incarnation;
  /** Told of each plan before it is carried out. */
  readonly show: (tenant: TenantName, entries: readonly PlanEntry[]) => void;
}

/** How a tenant came out of a pass. */
export interface TenantResult {
  readonly tenant: TenantName;
  /**
   * `converged` seen to be as wished · `waiting` time or a workload will change something · `stuck` somebody has to do
   * something · `failed` a change failed or did not show, to be tried again
   */
  readonly state: "converged" | "waiting" | "stuck" | "failed";
  /** Everything that was changed, or in a dry pass would be. */
  readonly entries: readonly PlanEntry[];
  readonly notes: readonly Note[];
  readonly refusals: readonly Refusal[];
  readonly failures: readonly Failure[];
  /** What was tried and did not come about. */
  readonly undone: readonly PlanEntry[];
  /** Of drains that ended; in a dry pass, of those that would. */
  readonly receipts: readonly DrainReceipt[];
  /** What the last look showed of it. */
  readonly sighting: Sighting;
  /** Whether a replica of it is on its way from one phase to another. */
  readonly isMoving: boolean;
  /** When something of it is due, milliseconds since the epoch. */
  readonly again: number | undefined;
}

/** A tenant's result as the engine needs it. Failures are the same when the same thing fails, whatever is said about it. */
export const settledOf = (result: TenantResult): Settled<TenantName> => ({
  key: result.tenant,
  state: result.state === "converged" ? "done" : result.state,
  isMoving: result.isMoving,
  hasProgress: result.entries.length > 0,
  again: result.again,
  failure: result.failures
    .map(({ hypervisor, reason, name = "" }) => `${hypervisor} ${reason} ${name}`)
    .join(),
});

/** Which subnets may be decided on, by `tenant/subnet`; undefined for all. Of these only those are whose time has come. */
export interface AutoscaleRequest {
  readonly only: ReadonlySet<string> | undefined;
}

/** What is used of a pass. */
export type AutoscalePass = Pick<Pass, "revision" | "now" | "signal" | "log" | "observation" | "fresh">;

/** What was decided, and what others go on from. */
export interface AutoscaleResult {
  /** One for each subnet that was decided on, the noes too. */
  readonly records: readonly DecisionRecord[];
  /** Tenants with another desired count than before: it is theirs to carry it out. */
  readonly changed: ReadonlySet<TenantName>;
  /** What people should know: subnets that are to grow and cannot. */
  readonly notes: readonly Note[];
  /**
   * CPU used ÷ CPUs by the newest samples, without hypervisors that gave none; undefined when nobody samples, because no
   * subnet follows its load.
   */
  readonly loads: ReadonlyMap<HypervisorName, number> | undefined;
  /** When the next subnet is due, milliseconds since the epoch; undefined when none follows its load. */
  readonly again: number | undefined;
}

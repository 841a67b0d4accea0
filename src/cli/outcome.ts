import type { SubnetName, TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import type { TenantResult } from "../controllers/controller.ts";
import type { Failure } from "../hosts/failure.ts";
import type { TripCounts } from "../hosts/round-trips.ts";
import type { Commit, Problem, Revision } from "../manifests/revision.ts";
import { collapse } from "../plan/collapse.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { type DrainTotals, totalsOfDrains } from "../replicas/receipt.ts";
import type { Run, TenantRun } from "./converge.ts";
import { exitOfOnce } from "./exit.ts";
import { type HypervisorView, isAllSeen, viewHypervisors } from "../controllers/hypervisor-view.ts";
import { describeEntry, type Line, replicaOf, type Totals, totalsOf } from "./lines.ts";

/** What `--once` did and found: text and JSON are made from this one value. */
export interface Outcome {
  readonly fleet: string;
  readonly directory: string;
  readonly commit: Commit | undefined;
  readonly ending: "converged" | "stuck" | "timeout" | "interrupted";
  readonly exitCode: number;
  readonly milliseconds: number;
  /** Whether anything was done, be it undone later. */
  readonly changed: boolean;
  readonly documents: number;
  /** How many objects stand on the hypervisors. */
  readonly objects: number;
  readonly hypervisors: readonly HypervisorView[];
  readonly tenants: readonly TenantOutcome[];
  readonly refusals: readonly Refusal[];
  /** What the drains of this run came to; undefined where nothing was drained. */
  readonly drains: DrainTotals | undefined;
  readonly problems: readonly Problem[];
  /** What was decided on the counts of subnets, where that was asked for. */
  readonly decisions?: readonly DecisionRecord[];
}

/** What was done for one tenant, and how it stands. */
export interface TenantOutcome {
  readonly tenant: TenantName;
  readonly state: TenantResult["state"];
  readonly milliseconds: number;
  /** What serves the whole tenant, then its subnets. */
  readonly parts: readonly PartOutcome[];
  readonly changes: readonly Line[];
  readonly notes: readonly Note[];
  readonly failures: readonly Failure[];
}

/** What was done for a subnet, or for the tenant as a whole. */
export interface PartOutcome {
  readonly subnet: SubnetName | undefined;
  readonly totals: Totals;
  /** Replicas that came, and that went. */
  readonly came: number;
  readonly went: number;
}

/** Out of a run. `interrupted`: the exit code of a signal that ended it. Pure. */
export function outcomeOf(
  revision: Revision,
  { ending, tenants, last, milliseconds }: Run,
  options: { trips: TripCounts; detailed: boolean; interrupted: number | undefined },
): Outcome {
  const hypervisors = viewHypervisors(revision, last.observation, options.trips);
  const results = [...tenants].map(([tenant, run]) => outcomeOfTenant(tenant, run, revision));
  const refusals = [...last.refusals, ...[...tenants.values()].flatMap((one) => one.last.refusals)];
  const converged = ending === "done" && refusals.length === 0 && isAllSeen(hypervisors);
  const changed = [...tenants.values()].some(({ entries }) => entries.length > 0);
  const exitCode = exitOfOnce(
    {
      error: revision.problems.some(({ severity }) => severity === "error"),
      unseen: !isAllSeen(hypervisors),
      converged,
      changes: changed,
    },
    options.detailed,
  );
  const interrupted = options.interrupted !== undefined && !converged;
  return {
    fleet: revision.fleet,
    directory: revision.directory,
    commit: revision.commit,
    ending: interrupted
      ? "interrupted"
      : ending === "timeout"
        ? "timeout"
        : converged
          ? "converged"
          : "stuck",
    exitCode: options.interrupted ?? exitCode,
    milliseconds,
    changed,
    documents: revision.documents.size,
    objects: [...tenants.values()].reduce((sum, one) => sum + one.last.sighting.observed.length, 0),
    hypervisors,
    tenants: results,
    refusals,
    drains: totalsOfDrains([...tenants.values()].flatMap(({ receipts }) => receipts)),
    problems: revision.problems,
  };
}

function outcomeOfTenant(
  tenant: TenantName,
  { last, entries, milliseconds }: TenantRun,
  revision: Revision,
): TenantOutcome {
  const changes = collapse(entries);
  const described = revision.tenants.get(tenant)?.subnets.keys() ?? [];
  const subnets = new Set([...described, ...changes.flatMap(({ subnet }) => subnet ?? [])]);
  return {
    tenant,
    state: last.state,
    milliseconds,
    parts: [undefined, ...[...subnets].toSorted()].map((subnet) => partOf(subnet, changes)),
    changes: changes.map(describeEntry),
    notes: last.notes,
    failures: last.failures,
  };
}

function partOf(subnet: SubnetName | undefined, entries: readonly PlanEntry[]): PartOutcome {
  const own = entries.filter((entry) => entry.subnet === subnet);
  const replicas = (verb: PlanEntry["verb"]): number =>
    new Set(own.filter((entry) => entry.kind === "container" && entry.verb === verb).map(replicaOf)).size;
  return {
    subnet,
    totals: totalsOf(own.map(describeEntry)),
    came: replicas("add"),
    went: replicas("remove"),
  };
}

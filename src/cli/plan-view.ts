import type { HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { TenantResult } from "../controllers/controller.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { Observation } from "../facts/facts.ts";
import type { Commit, Problem, Revision } from "../manifests/revision.ts";
import { collapse } from "../plan/collapse.ts";
import { order } from "../plan/order.ts";
import { type PlanEntry, planId } from "../plan/plan.ts";
import type { FleetMemory, ReplicaMemory } from "../replicas/memory.ts";
import { isActive } from "../replicas/phase.ts";
import { containerName } from "../resources/marks.ts";
import type { Verdict } from "./exit.ts";
import { type HypervisorView, isAllSeen, viewHypervisors } from "../controllers/hypervisor-view.ts";
import { describeEntry, isNothing, type Line, replicaOf, type Totals, totalsOf } from "./lines.ts";
import { sees, shownWorkloads, visibilityOf } from "../facts/visibility.ts";

/** What `plan` says: text and JSON are made from this one value. */
export interface PlanView {
  /** The same for the same plan: what stands and what is asked for decide it, not when it was made. */
  readonly plan: string;
  readonly fleet: string;
  readonly directory: string;
  readonly commit: Commit | undefined;
  readonly documents: number;
  readonly hypervisors: readonly HypervisorView[];
  readonly tenants: readonly TenantPlan[];
  /** What waits for approval, with the fleet's own. */
  readonly refusals: readonly Refusal[];
  readonly totals: Totals;
  /** What is wrong with the manifests. */
  readonly problems: readonly Problem[];
}

/** What one tenant needs. */
export interface TenantPlan {
  readonly tenant: TenantName;
  readonly home: HypervisorName | undefined;
  /** Networks by subnet, of those that documents describe. */
  readonly networks: Readonly<Record<SubnetName, string>>;
  readonly changes: readonly Line[];
  readonly notes: readonly Note[];
}

/** A dry pass, with what it began from. */
export interface Foresight {
  readonly revision: Revision;
  readonly before: FleetMemory;
  readonly result: PassResult;
}

/** What is to be done, out of a dry pass. Pure. */
export function viewPlan({ revision, before, result }: Foresight): PlanView {
  const tenants = result.tenants.map((one) => viewTenant(one, revision, before, result.observation));
  const refusals = [...result.refusals, ...result.tenants.flatMap((one) => one.refusals)];
  const changed = tenants.filter(({ changes }) => changes.length > 0);
  return {
    plan: planId(changed.map(({ tenant, changes }) => ({ tenant, lines: changes }))),
    fleet: revision.fleet,
    directory: revision.directory,
    commit: revision.commit,
    documents: revision.documents.size,
    hypervisors: viewHypervisors(revision, result.observation),
    tenants,
    refusals,
    totals: totalsOf(tenants.flatMap(({ changes }) => changes)),
    problems: revision.problems,
  };
}

/** What a plan says about the exit code. What waits for approval is a change, shown as refused. */
export const verdictOf = ({ problems, hypervisors, totals, refusals }: PlanView): Verdict => ({
  error: problems.some(({ severity }) => severity === "error"),
  unseen: !isAllSeen(hypervisors),
  converged: false,
  changes: !isNothing(totals) || refusals.length > 0,
});

function viewTenant(
  { tenant, entries, notes }: TenantResult,
  revision: Revision,
  before: FleetMemory,
  observation: Observation,
): TenantPlan {
  const manifests = revision.tenants.get(tenant);
  const subnets = [...(manifests?.subnets ?? [])];
  const standing =
    before.tenants[tenant]?.replicas.filter((one) => isStanding(one, before, observation)) ?? [];
  const missing = new Map(
    subnets.map(([name, { spec }]) => {
      const now = standing.filter(({ subnet }) => subnet === name).length;
      return [name, `replicas.min is ${spec.replicas.min}, now ${now}`];
    }),
  );
  // Ordered by names that stay, not by identities that are fresh at each look.
  const named = order(collapse(entries).map((entry) => ({ ...entry, name: replicaOf(entry) ?? entry.name })));
  const going = new Map(
    named
      .filter(({ kind, verb }) => kind === "container" && verb === "remove")
      .map((one) => [one.name, one.reason]),
  );
  /** A new container is there for one that goes, or because there are too few. */
  const reasonOf = ({ kind, verb, name, subnet, reason }: PlanEntry): string =>
    kind === "container" && verb === "add" && subnet !== undefined
      ? (going.get(name) ?? missing.get(subnet) ?? reason)
      : reason;
  return {
    tenant,
    home: before.tenants[tenant]?.primary ?? manifests?.tenant?.spec.primary,
    networks: Object.fromEntries(subnets.map(([name, { spec }]) => [name, spec.cidr])),
    changes: named.map((entry) => ({ ...describeEntry(entry), reason: reasonOf(entry) })),
    notes,
  };
}

/** Whether a replica that is remembered is there, or may be. */
const isStanding = (replica: ReplicaMemory, { fleet }: FleetMemory, { seen }: Observation): boolean => {
  const facts = seen.get(replica.hypervisor);
  const isShown = facts && shownWorkloads(facts).has(containerName(fleet, replica));
  return isActive(replica) && (isShown || !sees(visibilityOf(seen), replica));
};

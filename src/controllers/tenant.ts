import type { TenantName } from "../api/names.ts";
import { asItStands, compile } from "../desired/compile.ts";
import { execute } from "../hosts/execute.ts";
import { diff } from "../plan/diff.ts";
import { effects } from "../plan/effects.ts";
import { guardNames } from "../plan/guard.ts";
import { order } from "../plan/order.ts";
import { isTellingToEnd } from "../plan/plan.ts";
import { samePhases, withoutApprovals, withTenant, withTold } from "../replicas/memory.ts";
import { step } from "../replicas/step.ts";
import type { Resource } from "../resources/resource.ts";
import type { Controller, Pass, TenantResult, World } from "./controller.ts";
import { drainsOf } from "./hypervisor.ts";
import { ask } from "./readiness.ts";
import { Report } from "./report.ts";
import { afterwards, imageRules, isOver, type Sight, sightOf } from "./sight.ts";

/** More rounds than any chain of steps takes that needs no look in between; a dry pass goes through a whole roll. */
const ROUNDS = 1000;

/**
 * The loop: reads all it needs, closes the gap, looks again. Level-based: it does not matter why it was called.
 *
 * A round decides and acts. While the effects of what was done are known, the next round goes on from them without another
 * look; the look at the end tells whether they are true.
 */
export const tenantController = (world: World): Controller<TenantName, TenantResult> => ({
  name: "tenant",

  async reconcile(tenant, pass) {
    const { ledger, hosts, fleet } = world;
    const { fresh, trips, signal, stop, revision, loads, log } = pass;
    const memory = () => ledger.state.tenants[tenant];
    const report = new Report(tenant);
    let sight = sightOf(world, pass, tenant, pass.observation);
    // guard: ledger incomplete
    if (sight.held !== undefined) return report.held(sight.held, sight);

    for (let round = 0; round < ROUNDS; round++) {
      const before = memory();
      const now = pass.now();
      const next = step({
        ...sight,
        fleet: ledger.state,
        hypervisors: revision.hypervisors,
        loads,
        now,
        fresh,
      });
      // guard: remember, then act
      await ledger.update((all) => withoutApprovals(withTenant(all, tenant, next.memory, now), next.spent));

      const differences = diff(desired(world, sight, pass), sight.observed, sight);
      const plan = guardNames(order(report.notFailed(differences)), sight.facts, fleet);
      report.decided(next, plan.notes);
      if (!pass.dryRun) for (const receipt of next.receipts) log.info({ receipt }, "drained");
      if (plan.entries.length > 0) pass.show(tenant, plan.entries);
      log.debug({ round, entries: plan.entries.length }, "round");

      const means = {
        tenant,
        hosts,
        trips,
        signal,
        observed: sight.observed,
        images: world.images,
        imageRules: imageRules(sight),
        fleet,
      };
      // guard: dry is dry
      const outcome = pass.dryRun
        ? { done: plan.entries, failures: [], started: [], waiting: [] }
        : await execute(plan.entries, means);
      report.did(outcome, plan.entries);
      const toEnd = outcome.done.filter(isTellingToEnd).map(({ name }) => name);
      const told = { toEnd, toStart: outcome.started };
      await ledger.update((state) => withTold(state, tenant, told, pass.now()));

      sight = afterwards(sight, effects(outcome.done, sight.observed), pass);
      const answers = await ask(sight, next.memory, pass);
      const news = answers.size > sight.answers.size;
      sight = { ...sight, answers };
      if (plan.entries.length === 0 && !news && samePhases(before, next.memory)) break;
      if (stop.aborted) break;
      // guard: unknown outcome is not success
      if (!pass.dryRun && plan.entries.some(isTellingToEnd)) break; // what a workload does then cannot be foreseen
    }

    // guard: unknown outcome is not success
    if (!pass.dryRun && !report.didNothing) {
      const places = new Set([...(memory()?.hypervisors ?? []), ...report.hypervisors]);
      const looked = await trips.look([...places], drainsOf(ledger.state, tenant));
      sight = sightOf(world, pass, tenant, looked);
      report.verified(diff(desired(world, sight, pass), sight.observed, sight));
    }
    if (isOver(sight, memory(), revision))
      await ledger.update((state) => withTenant(state, tenant, undefined, pass.now()));
    return report.result(sight, memory());
  },
});

/** What should stand, as far as memory and documents say. */
function desired(world: World, sight: Sight, { now, revision }: Pass): readonly Resource[] {
  const memory = world.ledger.state.tenants[sight.tenant];
  if (!memory || (sight.leaving === "everything" && memory.replicas.length === 0)) return [];
  const document = sight.wanted?.tenant;
  if (!document) return asItStands(sight.observed, memory, world.fleet);
  return compile({
    fleet: world.fleet,
    tenant: document,
    subnets: [...(sight.wanted?.subnets.values() ?? [])].filter(
      ({ metadata }) => memory.segments[metadata.name],
    ),
    memory,
    hypervisors: revision.hypervisors,
    traits: sight.traits,
    now: now(),
  });
}

import { decide } from "../autoscale/decide.ts";
import type { Loads } from "../autoscale/decision.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import { visibilityOf } from "../facts/visibility.ts";
import { sampleAll } from "../hosts/sample-all.ts";
import { isMetric } from "../load/metrics.ts";
import { hypervisorLoads, type Readings, subnetLoad } from "../load/samples.ts";
import type { Standing } from "../replicas/room.ts";
import { needOf } from "../replicas/spec.ts";
import type { AutoscalePass, AutoscaleRequest, AutoscaleResult, Controller, World } from "./controller.ts";
import { type Follower, followers, notesOf, observationOf, servingOf, withDesired } from "./scaling.ts";

/** What is kept of a subnet between two decisions; it is gone with the process, and a window begins anew. */
interface Watch {
  readonly readings: Readings;
  readonly window: readonly Loads[];
  readonly due: number;
}

/** Two readings further apart than this many times their pace make no sample. */
const PATIENCE = 2;
/** Milliseconds that a hypervisor is waited for, or less where a subnet is sampled more often. */
const DEADLINE = 5000;

/**
 * Load into desired counts, and nothing else: it samples the hypervisors, decides on every subnet that is due, and writes
 * what it decided to the ledger. To be called at `again`; each subnet is decided on at its own pace.
 */
export function autoscaleController(
  world: World,
): Controller<AutoscaleRequest, AutoscaleResult, AutoscalePass> {
  const { ledger, fleet, hosts } = world;
  let before: Readings = new Map();
  let watches: ReadonlyMap<string, Watch> = new Map();
  let loads: AutoscaleResult["loads"];

  return {
    name: "autoscale",

    async reconcile({ only }, { revision, observation, signal, log, fresh, now: clock }) {
      const all = followers(revision, ledger.state);
      const asked = all.filter(({ key }) => !only || only.has(key));
      const due = asked.filter((follower) => isDue(watches.get(follower.key), follower, clock()));
      const pace = Math.min(...all.map((follower) => follower.pace));
      const records: DecisionRecord[] = [];
      if (all.length === 0) loads = undefined;
      if (due.length > 0) {
        const reached = [...observation.seen.keys()].flatMap((name) => hosts.get(name) ?? []);
        const seconds = Math.min(pace, DEADLINE) / 1000;
        const { readings, failures } = await sampleAll(reached, { fleet, seconds, signal, nonce: fresh });
        for (const [hypervisor, { message }] of failures) log.info({ hypervisor, message }, "no sample");
        loads = hypervisorLoads(before, readings, (pace / 1000) * PATIENCE);
        before = readings;
        records.push(...(await decideAll(due, readings, { revision, observation, log, now: clock })));
      }
      const keys = new Set(all.map(({ key }) => key));
      watches = new Map([...watches].filter(([key]) => keys.has(key)));
      const dues = asked.flatMap(({ key }) => watches.get(key)?.due ?? []);
      const changed = records.filter(({ trace }) => trace.desired !== trace.current);
      return {
        records,
        changed: new Set(changed.map(({ tenant }) => tenant)),
        notes: records.flatMap(notesOf),
        loads,
        again: dues.length > 0 ? Math.min(...dues) : undefined,
      };
    },
  };

  /** Decides on one subnet after the other, each with what was granted to those before it. */
  async function decideAll(
    due: readonly Follower[],
    readings: Readings,
    {
      revision,
      observation,
      log,
      now: clock,
    }: Pick<AutoscalePass, "revision" | "observation" | "log" | "now">,
  ): Promise<readonly DecisionRecord[]> {
    const now = clock();
    const visible = visibilityOf(observation.seen);
    const site = { hypervisors: revision.hypervisors, visible, drained: ledger.state.drained, loads };
    const next = new Map(watches);
    const records: DecisionRecord[] = [];
    const granted: Standing[] = [];
    const writes: Promise<void>[] = [];
    for (const follower of due) {
      const { key, subnet, policy, pace } = follower;
      const { namespace: tenant, name } = subnet.metadata;
      const memory = ledger.state.tenants[tenant];
      if (!memory) continue; // it went while the hypervisors were asked
      const watch = watches.get(key);
      const longest = (pace / 1000) * PATIENCE;
      const load = subnetLoad(servingOf(subnet, memory), Object.keys(policy.thresholds).filter(isMetric), {
        earlier: watch?.readings ?? new Map(),
        later: readings,
        longest,
      });
      const seen = observationOf(follower, memory, load, { revision, fleet: ledger.state, site, granted });
      const last = memory.scaling?.[name];
      const {
        desired,
        trace,
        memory: after,
      } = decide(policy, seen, { window: watch?.window ?? [], last }, now);
      next.set(key, { readings, window: after.window, due: (Math.floor(now / pace) + 1) * pace });
      records.push({ tenant, subnet: name, trace, replicas: load.replicas });
      log.debug({ tenant, subnet: name, current: seen.current, desired }, "decision");
      if (after.last && after.last.at !== last?.at) {
        const what = { subnet: name, desired, last: after.last };
        writes.push(ledger.update((state) => withDesired(state, tenant, what)));
      }
      for (const { hypervisor } of seen.room.slice(0, Math.max(desired - seen.current, 0)))
        if (hypervisor) granted.push({ hypervisor, ...needOf(subnet.spec) });
    }
    watches = next;
    await Promise.all(writes);
    return records;
  }
}

/** On the beat of its pace, which subnets of one pace share; and when the clock was set back far beyond that. */
const isDue = (watch: Watch | undefined, { pace }: Follower, now: number): boolean =>
  watch === undefined || watch.due <= now || watch.due > now + pace;

import type { HypervisorName, TenantName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import { decide } from "../autoscale/decide.ts";
import type { Loads } from "../autoscale/decision.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import { sampleAll } from "../hosts/sample.ts";
import { hypervisorLoads, type Readings, subnetLoad } from "../load/samples.ts";
import type { Standing } from "../replicas/room.ts";
import { needOf } from "../replicas/spec.ts";
import type { Controller, Pass, World } from "./controller.ts";
import { followers, notesOf, observationOf, servingOf, withDesired } from "./scaling.ts";

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
  /** CPU used ÷ CPUs, since the call before; without hypervisors that gave no sample. */
  readonly loads: ReadonlyMap<HypervisorName, number>;
  /** When the next subnet is due, milliseconds since the epoch; undefined when none follows its load. */
  readonly again: number | undefined;
}

/** What is kept of a subnet between two decisions; it is gone with the process, and a window begins anew. */
interface Watch {
  readonly readings: Readings;
  readonly window: readonly Loads[];
  readonly due: number;
}

/** Two readings further apart than this many times their pace make no sample. */
const PATIENCE = 2;
/** In milliseconds; the default of `sampleSeconds`, and the longest that a sample is waited for. */
const DEFAULT_PACE = 5000;

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

  return {
    name: "autoscale",

    async reconcile({ only }, { revision, observation, signal, log, fresh, now: clock }) {
      const all = followers(revision, ledger.state);
      const seconds = Math.min(...all.map(({ pace }) => pace), DEFAULT_PACE) / 1000;
      const reached = [...observation.seen.keys()].flatMap((name) => hosts.get(name) ?? []);
      const { readings, failures } = await sampleAll(reached, { fleet, seconds, signal, nonce: fresh });
      for (const [hypervisor, { message }] of failures) log.info({ hypervisor, message }, "no sample");
      const now = clock();
      const loads = hypervisorLoads(before, readings, seconds * PATIENCE);
      before = readings;

      const withDocker = [...observation.seen].filter(([, { containers }]) => containers);
      const visible = new Set(withDocker.map(([name]) => name));
      const site = { hypervisors: revision.hypervisors, visible, drained: ledger.state.drained, loads };
      const next = new Map<string, Watch>();
      const records: DecisionRecord[] = [];
      const granted: Standing[] = [];
      const writes: Promise<void>[] = [];
      for (const follower of all) {
        const { key, subnet, policy, pace } = follower;
        const watch = watches.get(key) ?? { readings: new Map(), window: [], due: now };
        const { namespace: tenant, name } = subnet.metadata;
        const memory = ledger.state.tenants[tenant];
        if (watch.due > now || (only && !only.has(key)) || !memory) {
          next.set(key, watch);
          continue;
        }
        const longest = (pace / 1000) * PATIENCE;
        const load = subnetLoad(servingOf(subnet, memory), watch.readings, readings, longest);
        const around = { revision, fleet: ledger.state, site, granted };
        const seen = observationOf(follower, memory, load, around);
        const last = memory.scaling?.[name];
        const { desired, trace, memory: after } = decide(policy, seen, { window: watch.window, last }, now);
        next.set(key, { readings, window: after.window, due: dueAfter(watch.due, now, pace) });
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
      const changed = records.filter(({ trace }) => trace.desired !== trace.current);
      const dues = [...next].filter(([key]) => !only || only.has(key)).map(([, { due }]) => due);
      return {
        records,
        changed: new Set(changed.map(({ tenant }) => tenant)),
        notes: records.flatMap(notesOf),
        loads,
        again: dues.length > 0 ? Math.min(...dues) : undefined,
      };
    },
  };
}

/** On the subnet's own beat, so that subnets whose paces go into each other are sampled together. */
const dueAfter = (due: number, now: number, pace: number): number =>
  due + (Math.floor((now - due) / pace) + 1) * pace;

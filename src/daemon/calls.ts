import { EvenkeelError } from "../api/errors.ts";
import type { TenantName } from "../api/names.ts";
import { autoscaleController } from "../controllers/autoscale.ts";
import { settledOf } from "../controllers/controller.ts";
import { healthController } from "../controllers/health.ts";
import { passOver } from "../controllers/pass.ts";
import type { Settled, WorkQueue } from "../engine/queue.ts";
import type { Observation } from "../facts/facts.ts";
import type { DaemonOptions } from "./options.ts";
import type { Live } from "./live.ts";
import type { Manifests } from "./manifests.ts";
import { measureDecisions, measurePass } from "./measure.ts";
import type { Recorder } from "./record.ts";

export interface CallsOptions extends DaemonOptions {
  /** The daemon is to end, or ends. */
  readonly over: AbortSignal;
  readonly manifests: Manifests;
  readonly live: Live;
  readonly record: Recorder;
  readonly queue: WorkQueue<TenantName>;
}

/** How each controller is called: with what it is given, and who is told of what it did. */
export interface Calls {
  /** One pass over the tenants that are due, or over all. */
  readonly tenants: (only: readonly TenantName[] | undefined) => Promise<readonly Settled<TenantName>[]>;
  /** Samples and decides; resolves to when it wants to be called again. */
  readonly scale: (observation: Observation) => Promise<number | undefined>;
  /** Probes who is healthy; likewise. */
  readonly probe: (observation: Observation) => Promise<number | undefined>;
}

/** After trouble of its own, such as a full disk, the daemon waits this long, in milliseconds. */
const AFTER_TROUBLE = 5_000;

/** The controllers of one daemon. They speak to each other through the ledger; here they are only called. */
export function callsOf(options: CallsOptions): Calls {
  const { world, clock, manifests, live, record, queue, metrics, told, over: signal } = options;
  const autoscale = autoscaleController(world);
  const health = healthController(world);
  const pass = (observation: Observation) => ({
    revision: manifests.current,
    observation,
    signal,
    now: clock.now,
    log: world.log,
    fresh: clock.incarnation,
  });
  const since = (began: number): number => (clock.now() - began) / 1000;

  return {
    async tenants(only) {
      const revision = manifests.current;
      const began = clock.now();
      const { stop, abort, lookSeconds, changeSeconds } = options;
      const limits = { signal: abort, stop, lookSeconds, changeSeconds };
      const asked = { revision, clock, only, loads: live.loads, show: told.plan, dryRun: false };
      try {
        const result = await passOver(world, { ...asked, ...limits });
        live.passed(result, revision, clock.now());
        record.pass(result);
        measurePass(metrics, result, since(began));
        told.pass(result);
        return result.tenants.map(settledOf);
      } catch (error) {
        if (!(error instanceof EvenkeelError) || error.code === "EK-HOST-HELD") throw error;
        if (error.code === "EK-STATE-WRITE") metrics.process.ledgerNotWritten();
        told.trouble(error);
        queue.addEveryone(clock.now() + AFTER_TROUBLE);
        return [];
      }
    },

    async scale(observation) {
      const began = clock.now();
      const result = await autoscale.reconcile({ only: undefined }, pass(observation));
      live.decided(result);
      record.decisions(result);
      measureDecisions(metrics, result, since(began));
      told.decisions(result);
      for (const tenant of result.changed) queue.add(tenant);
      return result.again;
    },

    async probe(observation) {
      const began = clock.now();
      const { changed, again } = await health.reconcile(undefined, pass(observation));
      metrics.reconciles.reconciled("health", "success", since(began));
      for (const tenant of changed) queue.add(tenant);
      return again;
    },
  };
}

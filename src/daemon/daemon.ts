import { EvenkeelError } from "../api/errors.ts";
import type { TenantName } from "../api/names.ts";
import type { Clock } from "../clock/clock.ts";
import { settledOf, type World } from "../controllers/controller.ts";
import { letGo } from "../controllers/hypervisor.ts";
import { type PassResult, passOver } from "../controllers/pass.ts";
import { type Settled, WorkQueue } from "../engine/queue.ts";
import { run } from "../engine/run.ts";
import type { Connections } from "../hosts/connections.ts";
import type { Revision } from "../manifests/revision.ts";
import { watchTree } from "../manifests/watch.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { listenToAll } from "./listening.ts";
import { Manifests } from "./manifests.ts";
import { trySilentOnes } from "./silent.ts";

export interface DaemonOptions {
  readonly world: World;
  readonly connections: Connections;
  readonly directory: string;
  readonly first: Revision;
  readonly clock: Clock;
  /** Ends after what was begun; at once. */
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** How often everything is read and looked at, whether or not something is known to have changed. */
  readonly resyncSeconds: number;
  readonly lookSeconds: number;
  readonly changeSeconds: number;
  readonly told: DaemonWatch;
}

/** Told what the daemon does, for the terminal, the history and the metrics. */
export interface DaemonWatch {
  readonly revision: (revision: Revision) => void;
  readonly plan: (tenant: TenantName, entries: readonly PlanEntry[]) => void;
  readonly pass: (result: PassResult, revision: Revision) => void;
  /** Something went wrong that no hypervisor and no manifest is to blame for. */
  readonly trouble: (error: Error) => void;
}

/** Keeps a tree in force until it is told to stop. Throws only when it may not go on: another controller has taken over. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { world, clock, stop, abort, told, resyncSeconds, lookSeconds } = options;
  const ending = new AbortController();
  const over = AbortSignal.any([stop, ending.signal]);
  const queue = new WorkQueue<TenantName>(clock);
  const manifests = new Manifests({
    ...options,
    ledger: world.ledger,
    changed: (revision) => {
      told.revision(revision);
      queue.addEveryone();
    },
  });
  const watch = await watchTree(options.directory, () => void manifests.read(), {
    clock,
    onTrouble: told.trouble,
  });
  const beside = [
    resync(clock, over, resyncSeconds, async () => {
      await manifests.read();
      queue.addEveryone();
    }),
    listenToAll({ world, clock, signal: over, heard: (tenant) => queue.add(tenant, clock.now() + HINT) }),
    trySilentOnes({ world, clock, signal: over, lookSeconds, answered: () => queue.addEveryone() }),
  ];
  queue.addEveryone();
  try {
    await run({ clock, queue, continuous: true, signal: over, pass: tenants });
  } finally {
    ending.abort();
    await Promise.all([...beside, watch.close()]);
    await letGo(world, manifests.current, abort, clock.nonce);
  }

  async function tenants(only: readonly TenantName[] | undefined): Promise<readonly Settled<TenantName>[]> {
    const revision = manifests.current;
    try {
      const { changeSeconds } = options;
      const pass = {
        revision,
        clock,
        signal: abort,
        stop,
        only,
        lookSeconds,
        changeSeconds,
        show: told.plan,
      };
      const result = await passOver(world, { ...pass, dryRun: false });
      told.pass(result, revision);
      return result.tenants.map(settledOf);
    } catch (error) {
      if (!(error instanceof EvenkeelError) || error.code === "EK-HOST-HELD") throw error;
      told.trouble(error);
      queue.addEveryone(clock.now() + AFTER_TROUBLE);
      return [];
    }
  }
}

/** What is heard of a tenant comes in bursts: it is called this long after, in milliseconds. */
const HINT = 200;
/** After trouble of its own, such as a full disk, the daemon waits this long, in milliseconds. */
const AFTER_TROUBLE = 5_000;

/** Calls `again` from time to time, until the signal comes. */
async function resync(
  clock: Clock,
  signal: AbortSignal,
  seconds: number,
  again: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(seconds * 1000, signal).catch(() => {});
    if (!signal.aborted) await again();
  }
}

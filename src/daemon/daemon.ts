import { asError } from "../api/errors.ts";
import type { TenantName } from "../api/names.ts";
import type { Clock } from "../clock/clock.ts";
import { letGo } from "../controllers/hypervisor.ts";
import { WorkQueue } from "../engine/queue.ts";
import { run } from "../engine/run.ts";
import { StateFiles } from "../ledger/state-files.ts";
import { watchTree } from "../manifests/watch.ts";
import { type Instruction, withInstruction } from "../replicas/instruction.ts";
import { serveControl } from "../server/control.ts";
import { health, readiness } from "../server/health.ts";
import { exposition } from "../server/metrics.ts";
import { serve } from "../server/server.ts";
import { tenantLegacyState, tenantState } from "../server/state.ts";
import { BastionFiles } from "./bastion-files.ts";
import { beat } from "./beat.ts";
import { callsOf } from "./calls.ts";
import { listenToAll } from "./listening.ts";
import { Live } from "./live.ts";
import { Manifests } from "./manifests.ts";
import type { DaemonOptions } from "./options.ts";
import { publish } from "./publish.ts";
import { Recorder } from "./record.ts";
import { trySilentOnes } from "./silent.ts";
import { snapshotOf } from "./snapshot.ts";

/** The daemon's controllers, by the names they are measured under. */
export const CONTROLLERS = ["hypervisor", "autoscale", "health", "tenant"] as const;

/** Keeps a tree in force until it is told to stop. Throws only when it may not go on: another controller has taken over. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { world, clock, stop, abort, told, resyncSeconds, lookSeconds, metrics } = options;
  const ending = new AbortController();
  const over = AbortSignal.any([stop, ending.signal]);
  const live = new Live(world.ledger);
  const record = new Recorder(options.history, clock, (error) => told.trouble(asError(error)));
  const queue = new WorkQueue<TenantName>(clock, {
    added: () => metrics.queues.added("tenant"),
    retried: () => metrics.queues.retried("tenant"),
    waited: (seconds) => metrics.queues.waited("tenant", seconds),
  });
  const manifests = new Manifests({
    ...options,
    ledger: world.ledger,
    changed: (revision) => {
      told.revision(revision);
      record.revision(revision);
      queue.addEveryone();
    },
  });
  record.revision(options.first);
  const states = () => live.states(manifests.current, clock.now());
  const server = await serve(
    options.listen,
    {
      [STATE_PATH]: tenantState(states),
      [`${STATE_PATH}/legacy`]: tenantLegacyState(states),
      "/metrics": exposition(metrics, () => {
        const queues = [{ name: "tenant", depth: queue.depth, workingSeconds: [] }];
        return snapshotOf({ live, revision: manifests.current, queues, now: clock.now() });
      }),
      "/healthz": health(),
      "/readyz": readiness(() =>
        live.observation ? [] : ["no pass over the fleet has come to its end yet"],
      ),
    },
    told.trouble,
  );
  told.listening(server.listen);
  const hinted = { clock, onTrouble: told.trouble };
  const watch = await watchTree(options.directory, () => void manifests.read(), hinted);
  const instructed = async (instruction: Instruction): Promise<void> => {
    await world.ledger.update((state) => withInstruction(state, instruction));
    queue.addEveryone();
  };
  const { stateDirectory } = options;
  const control = stateDirectory === undefined ? undefined : await serveControl(stateDirectory, instructed);
  const calls = callsOf({ ...options, over, manifests, live, record, queue });
  const published = { clock, signal: over, version: () => live.version, trouble: told.trouble };
  const files = stateDirectory === undefined ? undefined : new StateFiles(stateDirectory);
  const bastions = new BastionFiles(world, abort);
  const paced = { clock, signal: over, trouble: told.trouble, observation: () => live.observation };
  const beside = [
    resync(clock, over, resyncSeconds, async () => {
      await manifests.read();
      queue.addEveryone();
    }),
    listenToAll({ world, clock, signal: over, heard: (tenant) => queue.add(tenant, clock.now() + HINT) }),
    trySilentOnes({ world, clock, signal: over, lookSeconds, answered: () => queue.addEveryone() }),
    beat({ ...paced, idle: SAMPLE, call: calls.scale }),
    beat({ ...paced, idle: PROBE, call: calls.probe }),
    files && publish({ ...published, states, share: 1 / 20, write: (known) => files.write(known) }),
    publish({
      ...published,
      states: () => (bastions.isNeeded ? states() : []),
      share: 1 / 4, // most of it is waiting for an answer
      write: (known) => bastions.write(known),
    }),
  ];
  queue.addEveryone();
  try {
    await run({ clock, queue, continuous: true, signal: over, pass: calls.tenants });
  } finally {
    ending.abort();
    await Promise.all([...beside, watch.close(), server.close(), control?.close()]);
    await letGo(world, manifests.current, abort, clock.nonce);
  }
}

/** Where a tenant's state is read, in Kubernetes' manner. */
const STATE_PATH = "/apis/evenkeel.dev/v1alpha1/tenants/{name}/state";
/** With no subnet to decide on, hypervisors are sampled this often all the same; with none to probe, whether there is. */
const SAMPLE = 5_000;
const PROBE = 1_000;
/** What is heard of a tenant comes in bursts: it is called this long after, in milliseconds. */
const HINT = 200;
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

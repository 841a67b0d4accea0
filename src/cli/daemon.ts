import { stat } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { sentence } from "../autoscale/sentence.ts";
import type { World } from "../controllers/controller.ts";
import { CONTROLLERS, runDaemon } from "../daemon/daemon.ts";
import type { DaemonWatch } from "../daemon/options.ts";
import { History } from "../history/write.ts";
import { type Listen, showListen } from "../server/listen.ts";
import { openMetrics } from "../telemetry/metrics.ts";
import { begin } from "./begin.ts";
import { CHANGE_SECONDS, LOOK_SECONDS } from "./converge.ts";
import { onInterrupt } from "./interrupt.ts";
import { DEFAULT_DIRECTORY } from "./options.ts";
import { coloursFor, describeError, describeProblems, printable, wrap } from "./problems.ts";
import { Progress } from "./progress.ts";
import { describeCommit, type SessionOptions } from "./session.ts";
import { tell } from "./streams.ts";
import { timeOfDay } from "./time-of-day.ts";

export interface DaemonOptions extends SessionOptions {
  /** Seconds. */
  readonly resync: number;
  readonly listen: Listen;
  readonly verbose?: boolean;
}

/** Whether nothing was asked for, and there are no manifests here that could be meant. */
export const isAskedForNothing = async (isTold: boolean): Promise<boolean> =>
  !isTold &&
  !(await stat(DEFAULT_DIRECTORY).then(
    (found) => found.isDirectory(),
    () => false,
  ));

const at = (): string => timeOfDay(systemClock.now());

/** `reconcile`: keeps a tree in force until a signal comes. */
export async function daemon(directory: string, options: DaemonOptions, version: string): Promise<number> {
  // The young generation would grow to 32 MB with each burst of work, and stay so: no use to a process that mostly waits.
  setFlagsFromString("--semi-space-growth-factor=1");
  // And the old one to twice what is used before it is collected; a fifth more costs no CPU that could be measured.
  setFlagsFromString("--heap-growing-percent=20");
  const session = await begin(directory, options, { hold: true, stays: true });
  const colours = coloursFor(process.stderr);
  const interrupt = onInterrupt((text) => tell(`${text}\n`));
  const progress = new Progress({ write: tell, colours, verbose: options.verbose ?? false, at });
  const told: DaemonWatch = {
    revision(revision) {
      tell(`${at()}  ${describeCommit(revision) || "the manifests have changed"}\n`);
      tell(describeProblems(revision.problems, directory, colours));
    },
    plan: progress.begin,
    pass: ({ tenants }) => progress.passed(tenants),
    decisions: ({ records }) => {
      for (const record of records)
        if (record.trace.desired !== record.trace.current)
          tell(`${wrap(`${at()}  ${record.tenant}  ${printable(sentence(record, timeOfDay))}`)}\n`);
    },
    listening: (where) => tell(`metrics  http://${showListen(where)}/metrics\n`),
    trouble: (error) => tell(describeError(error, colours)),
  };
  const metrics = openMetrics({ version, controllers: CONTROLLERS });
  const timed: World["timed"] = (hypervisor, what, seconds, isDone) => {
    if (what !== "looks") return;
    metrics.reconciles.reconciled("hypervisor", isDone ? "success" : "error", seconds);
    if (isDone) metrics.hypervisors.looked(hypervisor, seconds);
  };
  const history = await History.open(session.stateDirectory, systemClock.nonce());
  try {
    await runDaemon({
      world: { ...session.world, timed },
      history,
      metrics,
      listen: options.listen,
      connections: session.connections,
      stateDirectory: session.stateDirectory,
      directory,
      first: session.revision,
      clock: systemClock,
      stop: interrupt.stop,
      abort: interrupt.abort,
      resyncSeconds: options.resync,
      lookSeconds: LOOK_SECONDS,
      changeSeconds: CHANGE_SECONDS,
      told,
    });
    return 0;
  } catch (error) {
    if (!(error instanceof EvenkeelError) || error.code !== "EK-HOST-HELD") throw error;
    tell(describeError(error, colours));
    return 3;
  } finally {
    interrupt.release();
    await history.close();
    await session.close();
  }
}

import { stat } from "node:fs/promises";
import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { type DaemonWatch, runDaemon } from "../daemon/daemon.ts";
import { begin } from "./begin.ts";
import { CHANGE_SECONDS, LOOK_SECONDS } from "./converge.ts";
import { onInterrupt } from "./interrupt.ts";
import { DEFAULT_DIRECTORY } from "./options.ts";
import { coloursFor, describeError, describeProblems } from "./problems.ts";
import { Progress } from "./progress.ts";
import { describeCommit, type SessionOptions } from "./session.ts";
import { tell } from "./streams.ts";

export interface DaemonOptions extends SessionOptions {
  /** Seconds. */
  readonly resync: number;
  readonly verbose?: boolean;
}

/** Whether nothing was asked for, and there are no manifests here that could be meant. */
export const isAskedForNothing = async (isTold: boolean): Promise<boolean> =>
  !isTold &&
  !(await stat(DEFAULT_DIRECTORY).then(
    (found) => found.isDirectory(),
    () => false,
  ));

const at = (): string => new Date(systemClock.now()).toTimeString().slice(0, 8);

/** `reconcile`: keeps a tree in force until a signal comes. */
export async function daemon(directory: string, options: DaemonOptions): Promise<number> {
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
    trouble: (error) => tell(describeError(error, colours)),
  };
  try {
    await runDaemon({
      world: session.world,
      connections: session.connections,
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
    await session.close();
  }
}

import type { Clock } from "../clock/clock.ts";
import { type DaemonWatch, runDaemon } from "../daemon/daemon.ts";
import type { Revision } from "../manifests/revision.ts";
import type { Listen } from "../server/listen.ts";
import { Demand } from "../simulated/demand.ts";
import type { ShowTime } from "../autoscale/sentence.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { LoadCurve } from "./curve.ts";
import type { Line } from "./line.ts";
import { Onboarding } from "./onboarding.ts";
import { Outage } from "./outage.ts";
import { sceneOf } from "./scene.ts";
import { Scaling } from "./scaling.ts";
import { setUp } from "./stage.ts";
import { Visitors } from "./visitors.ts";

export interface DemoOptions {
  readonly directory: string;
  readonly revision: Revision;
  readonly curve: LoadCurve;
  /** Everything in the demo goes by it. */
  readonly clock: Clock;
  /** Goes on after the story is over, with the same load again and again. */
  readonly stays: boolean;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly listen: Listen;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly time: ShowTime;
  readonly listening: DaemonWatch["listening"];
  readonly trouble: DaemonWatch["trouble"];
  /** Told of what happened, when it has. */
  readonly tell: (line: Line) => void;
  /** The story is over. */
  readonly over: (isWhole: boolean) => void;
}

/** From one visitor to the next, and how long one stays; milliseconds. */
const BEAT = 500;
const VISIT = 3_000;
/** CPUs that each hypervisor uses for work of its own. */
const OWN = 0.06;
/** How often it is seen whether the story can go on, and how long at most it waits for its next turn; milliseconds. */
const GLANCE = 100;
const PATIENCE = 60_000;
/** Passes without the unplugged hypervisor that are waited for. */
const PASSES = 2;
const RESYNC_SECONDS = 4;
const LOOK_SECONDS = 10;
const CHANGE_SECONDS = 60;

/** The daemon on simulated hypervisors, with a load and an outage to answer to. Ends when the story does, or by a signal. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { clock, curve, revision, stop, stays, tell } = options;
  const { simulation, world } = setUp(revision, clock, options.log);
  const scene = sceneOf(revision);
  const demand = new Demand(simulation, { service: scene.service, own: OWN, now: clock.now });
  const visitors = new Visitors(simulation.clients, scene.service);
  const onboarding = new Onboarding(scene.tenant, clock.now());
  const scaling = new Scaling(() => world.ledger.state, options.time);
  const outage = new Outage(scene.standby, scene.tenant);
  const ending = new AbortController();
  const ended = AbortSignal.any([stop, ending.signal]);
  let began: number | undefined;
  let isOver = false;

  const daemon = runDaemon({
    world,
    clock,
    directory: options.directory,
    first: revision,
    connections: { follow: async () => {} },
    history: { append: async () => {} },
    stateDirectory: undefined,
    metrics: options.metrics,
    listen: options.listen,
    stop: ended,
    abort: options.abort,
    resyncSeconds: RESYNC_SECONDS,
    lookSeconds: LOOK_SECONDS,
    changeSeconds: CHANGE_SECONDS,
    told: {
      revision: () => {},
      plan: () => {},
      pass: (result) => {
        const lines = [onboarding.pass(result, clock.now()), scaling.pass(result), outage.pass(result)];
        for (const line of lines.flat()) tell(line);
      },
      decisions: (result) => {
        for (const line of scaling.decisions(result)) tell(line);
      },
      listening: options.listening,
      trouble: options.trouble,
    },
  });

  const load = async (): Promise<void> => {
    while (!ended.aborted) {
      const elapsed = began === undefined ? 0 : (clock.now() - began) / 1000;
      demand.ask(curve.cpusAt(isOver ? elapsed % curve.seconds : elapsed));
      if (began !== undefined) visitors.come(VISIT);
      await clock.sleep(BEAT, ended).catch(() => {});
    }
  };

  const until = async (isSo: () => boolean): Promise<boolean> => {
    const limit = clock.now() + PATIENCE;
    while (!isSo() && clock.now() < limit && !ended.aborted) await clock.sleep(GLANCE, ended).catch(() => {});
    return isSo();
  };

  const story = async (): Promise<boolean> => {
    if (!(await until(() => onboarding.isOver))) return false;
    began = clock.now();
    await clock.sleep(curve.seconds * 1000, ended).catch(() => {});
    if (!(await until(() => scaling.isSettled))) return false;
    for (const line of scaling.unchanged()) tell(line);
    visitors.since();
    simulation.fabric.off.add(scene.standby);
    const isNoticed = await until(() => outage.passes > PASSES);
    if (isNoticed) for (const line of outage.tell(visitors.since())) tell(line);
    simulation.fabric.off.delete(scene.standby);
    return isNoticed && (await until(() => outage.isOver && scaling.isSettled));
  };

  const direct = async (): Promise<void> => {
    const isWhole = await story();
    if (!stop.aborted) options.over(isWhole);
    isOver = true;
    began = clock.now();
    if (!stays) ending.abort();
  };
  try {
    await Promise.all([daemon, load(), direct()]);
  } finally {
    ending.abort();
    await world.images.close();
  }
}

import type { Clock } from "../clock/clock.ts";
import { runDaemon } from "../daemon/daemon.ts";
import type { DaemonWatch } from "../daemon/options.ts";
import type { Revision } from "../manifests/revision.ts";
import type { Listen } from "../server/listen.ts";
import type { ShowTime } from "../autoscale/sentence.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { Crowd } from "./crowd.ts";
import type { LoadCurve } from "./curve.ts";
import type { Line } from "./line.ts";
import { sceneOf } from "./scene.ts";
import { setUp } from "./stage.ts";
import { Story } from "./story.ts";

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
  /** Told of what has happened. */
  readonly tell: (line: Line) => void;
  /** The story is over. */
  readonly over: () => void;
}

/** How often it is seen whether the story can go on, and how long it waits at most; milliseconds. */
const GLANCE = 100;
const PATIENCE = 60_000;
const RESYNC_SECONDS = 4;
const LOOK_SECONDS = 10;
const CHANGE_SECONDS = 60;

/**
 * The daemon on simulated hypervisors, with a load and an outage to answer to. Nothing is written: its ledger forgets, its
 * history is told and not kept, and nobody speaks to it.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { clock, curve, revision, stop, stays, tell, time } = options;
  const { simulation, world } = setUp(revision, clock, options.log);
  const scene = sceneOf(revision);
  const crowd = new Crowd({ simulation, service: scene.service, curve, clock });
  const story = new Story({ scene, memory: () => world.ledger.state, now: clock.now, time, tell });
  const ending = new AbortController();
  const over = AbortSignal.any([stop, ending.signal]);

  const until = async (isSo: () => boolean, otherwise: string): Promise<boolean> => {
    const limit = clock.now() + PATIENCE;
    while (!isSo() && clock.now() < limit && !over.aborted) await clock.sleep(GLANCE, over).catch(() => {});
    if (!isSo() && !over.aborted) story.missed(`${otherwise} within ${PATIENCE / 1000} s`);
    return isSo();
  };
  const play = async (): Promise<void> => {
    const { tenant, standby } = scene;
    if (!(await until(() => story.isOnboarded, `${tenant} does not stand`))) return;
    crowd.begin();
    await clock.sleep(curve.seconds * 1000, over).catch(() => {});
    if (over.aborted || !(await until(() => story.isSettled, "a decision was not carried out"))) return;
    story.loadIsOver();
    simulation.fabric.off.add(standby);
    crowd.visits();
    if (await until(() => story.isSilenceNoticed, `nobody noticed that ${standby} is silent`))
      story.silenceIsOver(crowd.visits());
    simulation.fabric.off.delete(standby);
    await until(() => story.isBack && story.isSettled, `${standby} was not seen again as it should be`);
  };
  const direct = async (): Promise<void> => {
    await play();
    if (!over.aborted) options.over();
    if (stays) crowd.begin({ repeats: true });
    else ending.abort();
  };

  const daemon = runDaemon({
    ...options,
    world,
    first: revision,
    connections: { follow: async () => {} },
    history: { append: async () => {} },
    stateDirectory: undefined,
    stop: over,
    resyncSeconds: RESYNC_SECONDS,
    lookSeconds: LOOK_SECONDS,
    changeSeconds: CHANGE_SECONDS,
    told: {
      revision: () => {},
      plan: () => {},
      pass: story.pass,
      decisions: story.decisions,
      listening: options.listening,
      trouble: options.trouble,
    },
  }).finally(() => ending.abort());
  try {
    await Promise.all([daemon, crowd.run(over), direct()]);
  } finally {
    await world.images.close();
  }
}

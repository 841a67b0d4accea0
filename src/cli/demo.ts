import { join } from "node:path";
import { systemClock } from "../clock/clock.ts";
import { faster } from "../clock/faster.ts";
import { CONTROLLERS } from "../daemon/daemon.ts";
import { readCurve } from "../demo/curve.ts";
import { runDemo } from "../demo/demo.ts";
import { CHAPTERS, type Line } from "../demo/line.ts";
import { sceneOf } from "../demo/scene.ts";
import { load } from "../manifests/load.ts";
import type { Revision } from "../manifests/revision.ts";
import { type Listen, showListen } from "../server/listen.ts";
import { type LogLevel, openLog } from "../telemetry/log.ts";
import { openMetrics } from "../telemetry/metrics.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { type Colours, coloursFor, describeError, describeProblems, margin, wrap } from "./problems.ts";
import { answer, tell } from "./streams.ts";
import { timeOfDay } from "./time-of-day.ts";
import { plural } from "./words.ts";

export interface DemoOptions {
  readonly stay?: boolean;
  /** A file with another load curve. */
  readonly load?: string;
  readonly listen: Listen;
  readonly logLevel: LogLevel;
}

/** How many times faster than life it goes. */
const SPEED = 5;

/**
 * `reconcile demo`: the daemon on hypervisors that exist in memory alone. Every line tells what has happened in this run.
 * @param scene directory of the demo's manifests and of its load curve
 * @throws Interrupted when a signal came before the story was over
 */
export async function demo(scene: string, options: DemoOptions, version: string): Promise<number> {
  const { curve, problems } = await readCurve(options.load ?? join(scene, "load.yaml"));
  if (!curve) {
    tell(describeProblems(problems, "", coloursFor(process.stderr)));
    return 1;
  }
  const directory = join(scene, "tree");
  const revision = await load(directory);
  const colours = coloursFor(process.stdout);
  const told: Line[] = [];
  const say = (line: Line): void => {
    told.push(line);
    answer(describeLine(line, colours));
  };
  answer(describeScene(revision));
  const began = systemClock.now();
  const { stay: stays = false, listen } = options;
  let exitCode: number | undefined;
  const interrupt = onInterrupt(() => {});
  try {
    await runDemo({
      directory,
      revision,
      curve,
      clock: faster(systemClock, SPEED),
      stays,
      stop: interrupt.stop,
      abort: interrupt.abort,
      listen,
      metrics: openMetrics({ version, controllers: CONTROLLERS }),
      log: await openLog(options.logLevel),
      time: timeOfDay,
      listening: (where) => answer(`metrics  http://${showListen(where)}/metrics\n`),
      trouble(error) {
        told.push({ mark: "failed", text: error.message });
        tell(describeError(error, coloursFor(process.stderr)));
      },
      tell: say,
      over() {
        // Its own load is made so that all of it comes; what another leads to is for who made it to say.
        const expected = options.load === undefined ? CHAPTERS : [];
        const missing = expected.filter((one) => !told.some(({ chapter }) => chapter === one));
        if (missing.length > 0) say({ mark: "failed", text: `did not come: ${missing.join(", ")}` });
        exitCode = told.some(({ mark }) => mark === "failed") ? 1 : 0;
        answer(describeEnd(Math.round((systemClock.now() - began) / 1000), stays));
      },
    });
  } finally {
    interrupt.release();
  }
  if (exitCode === undefined && interrupt.exitCode !== undefined) throw new Interrupted(interrupt.exitCode);
  return exitCode ?? 1;
}

function describeScene(revision: Revision): string {
  const { tenant, subnet, min, max } = sceneOf(revision);
  const hypervisors = plural(revision.hypervisors.size, "simulated hypervisor");
  return `evenkeel demo: ${hypervisors}, tenant ${tenant}, subnet ${subnet} (${min} to ${max} replicas)\n`;
}

const MARKS = { done: "✓", warning: "!", failed: "✗" } as const;

function describeLine({ mark, text, aside = "" }: Line, colours: Colours): string {
  const paint = { done: colours.green, warning: colours.yellow, failed: colours.red }[mark];
  const lines = wrap(`  ${paint(MARKS[mark])} ${text}`, "      ").split("\n");
  const last = lines.pop() ?? "";
  return [...lines, ...(aside === "" ? [last] : margin(last, aside))].map((line) => `${line}\n`).join("");
}

const describeEnd = (seconds: number, stays: boolean): string =>
  `Done in ${seconds} s; nothing was written. ${
    stays ? "It goes on until a signal comes." : "To look around: reconcile demo --stay"
  }\n`;

import { join } from "node:path";
import { systemClock } from "../clock/clock.ts";
import { faster } from "../clock/faster.ts";
import { CONTROLLERS } from "../daemon/daemon.ts";
import { readCurve } from "../demo/curve.ts";
import { runDemo } from "../demo/demo.ts";
import { type Chapter, CHAPTERS, type Line } from "../demo/line.ts";
import { sceneOf } from "../demo/scene.ts";
import { load } from "../manifests/load.ts";
import { type Listen, showListen } from "../server/listen.ts";
import { type LogLevel, openLog } from "../telemetry/log.ts";
import { openMetrics } from "../telemetry/metrics.ts";
import { onInterrupt } from "./interrupt.ts";
import { type Colours, coloursFor, describeError, describeProblems, margin, wrap } from "./problems.ts";
import { answer, tell } from "./streams.ts";
import { timeOfDay } from "./time-of-day.ts";

export interface DemoOptions {
  readonly stay?: boolean;
  /** A file with another load curve. */
  readonly load?: string;
  readonly listen: Listen;
  readonly logLevel: LogLevel;
}

/** How many times faster than life. */
const SPEED = 5;

/**
 * `reconcile demo`: the daemon on hypervisors that exist in memory alone. Every line tells what has happened in this run.
 * @param scene directory of the demo's manifests and load curve
 */
export async function demo(
  scene: string,
  options: DemoOptions,
  version: string,
  speed = SPEED,
): Promise<number> {
  const colours = coloursFor(process.stdout);
  const { curve, problems } = await readCurve(options.load ?? join(scene, "load.yaml"));
  if (!curve) {
    tell(describeProblems(problems, "", coloursFor(process.stderr)));
    return 1;
  }
  const directory = join(scene, "tree");
  const revision = await load(directory);
  const { tenant, subnet, min, max } = sceneOf(revision);
  answer(
    `evenkeel demo: ${revision.hypervisors.size} simulated hypervisors, tenant ${tenant}, subnet ${subnet} (${min} to ${max} replicas)\n`,
  );
  const began = systemClock.now();
  const interrupt = onInterrupt(() => {});
  const told = new Set<Chapter | undefined>();
  let exitCode = 1;
  const say = (line: Line): void => {
    told.add(line.chapter);
    if (line.mark === "failed") told.add(undefined);
    answer(describeLine(line, colours));
  };
  try {
    await runDemo({
      directory,
      revision,
      curve,
      clock: faster(systemClock, speed),
      stays: options.stay ?? false,
      stop: interrupt.stop,
      abort: interrupt.abort,
      listen: options.listen,
      metrics: openMetrics({ version, controllers: CONTROLLERS }),
      log: await openLog(options.logLevel),
      time: timeOfDay,
      listening: (where) => answer(`metrics  http://${showListen(where)}/metrics\n`),
      trouble: (error) => {
        tell(describeError(error, coloursFor(process.stderr)));
      },
      tell: say,
      over(isWhole) {
        const missing = options.load === undefined ? CHAPTERS.filter((one) => !told.has(one)) : [];
        exitCode = isWhole && missing.length === 0 ? 0 : 1;
        const seconds = Math.round((systemClock.now() - began) / 1000);
        answer(`Done in ${seconds} s; nothing was written.\n`);
      },
    });
  } finally {
    interrupt.release();
  }
  return exitCode;
}

const MARKS = { done: "✓", warning: "!", failed: "✗" } as const;

function describeLine({ mark, text, aside = "" }: Line, colours: Colours): string {
  const paint = { done: colours.green, warning: colours.yellow, failed: colours.red }[mark];
  const lines = wrap(`  ${paint(MARKS[mark])} ${text}`, "      ").split("\n");
  const last = lines.pop() ?? "";
  return [...lines, ...(aside === "" ? [last] : margin(last, aside))].map((line) => `${line}\n`).join("");
}

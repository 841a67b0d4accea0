import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { begin } from "./begin.ts";
import { converge } from "./converge.ts";
import { onInterrupt } from "./interrupt.ts";
import { outcomeOf } from "./outcome.ts";
import { describeOutcome } from "./once-text.ts";
import { plan } from "./plan.ts";
import { coloursFor, describeError } from "./problems.ts";
import { Progress, sinceNow } from "./progress.ts";
import type { SessionOptions } from "./session.ts";
import { answer, json, sameDirectory, tell } from "./streams.ts";

export interface OnceOptions extends SessionOptions {
  readonly output: "text" | "json";
  /** Seconds. */
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly detailedExitcode?: boolean;
  readonly verbose?: boolean;
}

/** `reconcile --once`: converges, looks whether it is so, and ends. */
export async function once(directory: string, options: OnceOptions): Promise<number> {
  if (options.dryRun) return plan(directory, options);
  const session = await begin(directory, options, { hold: true });
  const colours = coloursFor(process.stderr);
  const interrupt = onInterrupt((text) => tell(`${text}\n`));
  try {
    const progress = new Progress({
      write: tell,
      colours,
      verbose: options.verbose ?? false,
      at: sinceNow(systemClock.now),
    });
    const run = await converge(session.world, session.revision, {
      timeoutSeconds: options.timeout,
      interrupt,
      show: progress.begin,
      passed: progress.passed,
    });
    const outcome = outcomeOf(session.revision, run, {
      trips: session.world.count,
      detailed: options.detailedExitcode ?? false,
      interrupted: interrupt.exitCode,
    });
    if (options.output === "json") answer(json(outcome));
    else answer(describeOutcome(outcome, sameDirectory(directory), coloursFor(process.stdout)));
    return outcome.exitCode;
  } catch (error) {
    // Another controller is at work there: no error of ours, and nothing was done.
    if (!(error instanceof EvenkeelError) || error.code !== "EK-HOST-HELD") throw error;
    tell(describeError(error, colours));
    return 3;
  } finally {
    interrupt.release();
    await session.close();
  }
}

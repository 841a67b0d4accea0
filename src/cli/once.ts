import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { Live } from "../daemon/live.ts";
import { begin } from "./begin.ts";
import { converge } from "./converge.ts";
import { isAbort, onInterrupt } from "./interrupt.ts";
import { evaluate } from "./evaluate.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { describeOutcome } from "./once-text.ts";
import { plan } from "./plan.ts";
import { coloursFor, describeError } from "./problems.ts";
import { Progress, sinceNow } from "./progress.ts";
import type { SessionOptions } from "./session.ts";
import { answer, json, sameDirectory, tell } from "./streams.ts";
import { writeStates } from "./write-states.ts";

export interface OnceOptions extends SessionOptions {
  readonly output: "text" | "json";
  /** Seconds. */
  readonly timeout: number;
  readonly dryRun?: boolean;
  /** Decides once on the counts of subnets before it converges. */
  readonly autoscale?: boolean;
  readonly detailedExitcode?: boolean;
  readonly verbose?: boolean;
}

/** `reconcile --once`: converges, looks whether it is so, and ends. */
export async function once(directory: string, options: OnceOptions): Promise<number> {
  if (options.dryRun && options.autoscale)
    throw new EvenkeelError("EK-USAGE", "--autoscale decides, and --dry-run does nothing", {
      fix: "give one of them",
    });
  if (options.dryRun) return plan(directory, options);
  const began = systemClock.now();
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
    const decided = options.autoscale
      ? await evaluate(session, { timeoutSeconds: options.timeout, signal: interrupt.stop, tell })
      : undefined;
    const live = new Live(session.world.ledger);
    if (decided) live.decided(decided);
    const spent = (systemClock.now() - began) / 1000;
    const run = await converge(session.world, session.revision, {
      timeoutSeconds: Math.max(options.timeout - spent, 1),
      loads: decided?.loads,
      interrupt,
      show: progress.begin,
      passed(result) {
        live.passed(result, session.revision, systemClock.now());
        progress.passed(result.tenants);
      },
    });
    await writeStates(session, live, interrupt.abort);
    const outcome = outcomeOf(session.revision, run, {
      trips: session.world.count,
      detailed: options.detailedExitcode ?? false,
      interrupted: interrupt.exitCode,
    });
    const decisions = decided && { decisions: decided.records };
    if (options.output === "json") answer(json({ ...outcome, ...decisions } satisfies Outcome));
    else answer(describeOutcome(outcome, sameDirectory(directory), coloursFor(process.stdout)));
    return outcome.exitCode;
  } catch (error) {
    // Ended while it waited for samples: nothing was begun.
    if (interrupt.exitCode !== undefined && isAbort(error)) return interrupt.exitCode;
    // Another controller is at work there: no error of ours, and nothing was done.
    if (!(error instanceof EvenkeelError) || error.code !== "EK-HOST-HELD") throw error;
    tell(describeError(error, colours));
    return 3;
  } finally {
    interrupt.release();
    await session.close();
  }
}

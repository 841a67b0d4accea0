import { begin } from "./begin.ts";
import { exitOfPlan } from "./exit.ts";
import { foresee } from "./foresee.ts";
import { interruptible } from "./interrupt.ts";
import { describePlan } from "./plan-text.ts";
import { type Foresight, verdictOf, viewPlan } from "./plan-view.ts";
import { coloursFor } from "./problems.ts";
import type { Session, SessionOptions } from "./session.ts";
import { answer, json, sameDirectory } from "./streams.ts";

export interface PlanOptions extends SessionOptions {
  readonly output: "text" | "json";
  readonly detailedExitcode?: boolean;
  readonly verbose?: boolean;
}

/** `reconcile plan`, `reconcile --once --dry-run`: what would be done. Holds nothing and changes nothing. */
export async function plan(directory: string, options: PlanOptions): Promise<number> {
  const session = await begin(directory, options, { hold: false });
  try {
    const view = viewPlan(await foreseen(session));
    if (options.output === "json") answer(json(view));
    else {
      const colours = coloursFor(process.stdout);
      const verbose = options.verbose ?? false;
      answer(describePlan(view, { directory: sameDirectory(directory), verbose, colours }));
    }
    return exitOfPlan(verdictOf(view), options.detailedExitcode ?? false);
  } finally {
    await session.close();
  }
}

/** What a session would come to. A signal ends it at once: there is nothing to be carried out. */
export const foreseen = ({ world, revision }: Session): Promise<Foresight> =>
  interruptible((signal) => foresee(world, revision, { signal }));

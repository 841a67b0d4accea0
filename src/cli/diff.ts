import { begin } from "./begin.ts";
import { describeDifference, differencesOf } from "./diff-text.ts";
import { exitOfDiff } from "./exit.ts";
import { describeHypervisor } from "./hypervisors-text.ts";
import { foreseen } from "./plan.ts";
import { verdictOf, viewPlan } from "./plan-view.ts";
import { coloursFor } from "./problems.ts";
import { describeRefusal } from "./once-text.ts";
import type { SessionOptions } from "./session.ts";
import { answer, json, sameDirectory, tell } from "./streams.ts";
import { MARKS } from "./words.ts";

export interface DiffOptions extends SessionOptions {
  readonly output: "text" | "json";
}

/** `reconcile diff`: what is, against what is asked for. Holds nothing and changes nothing. */
export async function diff(directory: string, options: DiffOptions): Promise<number> {
  const session = await begin(directory, options, { hold: false });
  try {
    const foresight = await foreseen(session);
    const view = viewPlan(foresight);
    const differences = foresight.result.tenants.flatMap(({ entries }) => differencesOf(entries));
    const { hypervisors, refusals } = view;
    if (options.output === "json")
      answer(json({ differences, hypervisors, refusals, problems: view.problems }));
    else {
      const colours = coloursFor(process.stdout);
      for (const one of differences) answer(describeDifference(one, colours));
    }
    const notes = coloursFor(process.stderr);
    for (const one of hypervisors.filter(({ state }) => state !== "seen"))
      tell(`${describeHypervisor(one, notes.yellow(MARKS.unknown)).join("\n")}\n`);
    for (const refusal of refusals)
      tell(`${describeRefusal(refusal, sameDirectory(directory), notes).join("\n")}\n`);
    return exitOfDiff(verdictOf(view));
  } finally {
    await session.close();
  }
}

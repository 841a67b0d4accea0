import { EvenkeelError } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import { type HypervisorView, viewHypervisors } from "../controllers/hypervisor-view.ts";
import { newestDecisions } from "../history/decisions.ts";
import { FRESH_MILLISECONDS, withLoads } from "../status/known-loads.ts";
import type { FleetView } from "../status/view.ts";
import { begin } from "./begin.ts";
import { describeHypervisor } from "./hypervisors-text.ts";
import { viewForesight } from "./observe-fleet.ts";
import { foreseen } from "./plan.ts";
import type { Foresight } from "./plan-view.ts";
import { coloursFor } from "./problems.ts";
import type { Session, SessionOptions } from "./session.ts";
import { tell } from "./streams.ts";
import { MARKS, plural } from "./words.ts";

/**
 * Looks once, says where the answer comes from, and lets `show` answer. Holds nothing and changes nothing.
 * @returns what `show` does: the exit code
 */
export async function seen(
  directory: string,
  options: SessionOptions,
  show: (view: FleetView, of: { readonly fleet: FleetName; readonly now: number }) => number,
): Promise<number> {
  const session = await begin(directory, options, { hold: false, quiet: true });
  try {
    const foresight = await foreseen(session);
    tell(describeSource(viewHypervisors(foresight.revision, foresight.result.observation)));
    const now = systemClock.now();
    return show(await viewWithLoads(session, foresight, now), { fleet: session.world.fleet, now });
  } finally {
    await session.close();
  }
}

/** Every object as it is seen now, with the loads that a daemon has just gone by. */
export async function viewWithLoads(
  { stateDirectory }: Session,
  foresight: Foresight,
  now: number,
): Promise<FleetView> {
  const decisions = await newestDecisions(stateDirectory, { since: now - FRESH_MILLISECONDS });
  return withLoads(viewForesight(foresight, now), decisions, now);
}

/** Where the answer comes from, and what it lacks. */
export function describeSource(hypervisors: readonly HypervisorView[]): string {
  const unseen = hypervisors.filter(({ state }) => state !== "seen");
  const looked = `(looked at ${plural(hypervisors.length, "hypervisor")} now)`;
  const mark = coloursFor(process.stderr).yellow(MARKS.unknown);
  return [looked, ...unseen.flatMap((one) => describeHypervisor(one, mark))]
    .map((line) => `${line}\n`)
    .join("");
}

export const notFound = (name: string, fleet: string): EvenkeelError =>
  new EvenkeelError("EK-NOT-FOUND", `fleet ${fleet} has no ${name}`, { fix: "reconcile get all" });

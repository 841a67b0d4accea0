import { stringify } from "yaml";
import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { begin } from "./begin.ts";
import { type HypervisorView, viewHypervisors } from "../controllers/hypervisor-view.ts";
import { describeHypervisor } from "./hypervisors-text.ts";
import { viewForesight } from "./observe-fleet.ts";
import { foreseen } from "./plan.ts";
import { coloursFor, describeError } from "./problems.ts";
import { parseWishes, select, type Selection, singularOf } from "./select.ts";
import type { Foresight } from "./plan-view.ts";
import type { Session, SessionOptions } from "./session.ts";
import type { FleetView } from "../status/view.ts";
import { newestDecisions } from "../history/decisions.ts";
import { FRESH_MILLISECONDS, withLoads } from "./known-loads.ts";
import { answer, json, tell } from "./streams.ts";
import { tableOf } from "./table.ts";
import { MARKS, plural } from "./words.ts";

export interface GetOptions extends SessionOptions {
  readonly output: "table" | "wide" | "json" | "yaml" | "name";
  readonly manifests: string;
  /** Only what is this tenant's. */
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

/** `reconcile get`: what there is and how it stands, from the ledger and one look. Holds nothing and changes nothing. */
export async function get(words: readonly string[], options: GetOptions): Promise<number> {
  const wishes = parseWishes(words);
  const tenant = options.allNamespaces ? undefined : options.namespace;
  const session = await begin(options.manifests, options, { hold: false, quiet: true });
  try {
    const foresight = await foreseen(session);
    tell(describeSource(viewHypervisors(foresight.revision, foresight.result.observation)));
    const now = systemClock.now();
    const view = await viewWithLoads(session, foresight, now);
    const { found, missing } = select(view, wishes, tenant);
    const isOne = wishes.length === 1 && wishes[0]?.name !== undefined;
    const manyTenants = tenant === undefined;
    answer(print(found, options.output, { isOne, manyTenants, now }));
    for (const name of missing)
      tell(describeError(notFound(name, session.world.fleet), coloursFor(process.stderr)));
    return missing.length > 0 ? 1 : 0;
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

interface PrintOptions {
  /** Exactly one object was asked for: it is printed without a list around it. */
  readonly isOne: boolean;
  readonly manyTenants: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What was found, in one of kubectl's ways. */
export function print(
  found: readonly Selection[],
  output: GetOptions["output"],
  { isOne, manyTenants, now }: PrintOptions,
): string {
  const items = found.flatMap(({ objects }) => objects);
  const whole = isOne && items.length === 1 ? items[0] : { apiVersion: "v1", kind: "List", items };
  switch (output) {
    case "json":
      return json(whole);
    case "yaml":
      return stringify(whole);
    case "name":
      return found
        .flatMap(({ kind, objects }) =>
          objects.map(({ metadata }) => `${singularOf(kind)}/${metadata.name}\n`),
        )
        .join("");
    case "table":
    case "wide": {
      const options = { wide: output === "wide", manyTenants, manyKinds: found.length > 1, now };
      const tables = found.filter(({ objects }) => objects.length > 0).map((one) => tableOf(one, options));
      return tables.length > 0 ? tables.join("\n") : "No objects found.\n";
    }
  }
}

import { took } from "./duration.ts";
import { isNothing, type Line } from "./lines.ts";
import type { Outcome } from "./outcome.ts";
import { describePlan, describeTotals } from "./plan-text.ts";
import type { PlanView } from "./plan-view.ts";
import { type Colours, margin, wrap } from "./problems.ts";
import { argumentOf, type Target, titleOf } from "./target.ts";
import { plural } from "./words.ts";

export interface DownTextOptions {
  /** Open now; undefined when they could not be counted. */
  readonly connections: number | undefined;
  /** Tenants that are not concerned. */
  readonly others: readonly string[];
  readonly colours: Colours;
}

/** What would go, and what that does. */
export function describeDown(
  target: Target,
  view: PlanView,
  { connections, others, colours }: DownTextOptions,
): string {
  if (isNothing(view.totals)) return `Nothing of ${titleOf(target)} stands.\n`;
  const lines = view.tenants.flatMap(({ changes }) => changes);
  const subnets = new Set(lines.flatMap(({ subnet }) => subnet ?? [])).size;
  const goes = [plural(subnets, "subnet"), plural(replicasIn(lines), "replica")].join(", ");
  const open =
    connections === undefined
      ? ""
      : `; ${connections === 1 ? "1 connection is" : `${connections} connections are`} open now`;
  const untouched = others.length === 0 ? "" : ` Untouched: ${others.join(", ")}.`;
  const summary =
    `${colours.bold("Plan:")} ${describeTotals(view.totals)} (${goes}).` +
    ` Disruption: all of ${titleOf(target)} stops${open}.${untouched}`;
  return `${describePlan(view, { directory: "", verbose: false, colours, partOnly: true })}${wrap(summary, "")}\n`;
}

const replicasIn = (lines: readonly Line[]): number =>
  lines.filter(({ kind, verb }) => kind === "container" && verb === "remove").length;

interface GoneOptions {
  readonly directory: string;
  readonly hasFiles: boolean;
  readonly colours: Colours;
}

/** What went, and what keeps it away. */
export function describeGone(
  target: Target,
  { tenants, hypervisors, milliseconds }: Outcome,
  options: GoneOptions,
): string {
  const lines = tenants.flatMap(({ changes }) => changes);
  const removed = lines.filter(({ verb }) => verb === "remove").length;
  const where = hypervisors.map(({ name }) => name).join(", ");
  const done = removed === 0 ? "nothing to remove" : `drained ${replicasIn(lines)}, removed ${removed}`;
  const head = margin(`${options.colours.green("✓")} ${done}.`, took(milliseconds));
  return describeTaken(
    target,
    where,
    head.map((line) => `${line}\n`),
    options,
  );
}

/** That nothing of it is left, after what was done; and what keeps it away. */
export function describeTaken(
  target: Target,
  where: string,
  done: readonly string[],
  { directory, hasFiles }: GoneOptions,
): string {
  const files =
    `${titleOf(target)}'s files are still in ${directory}: held down until they are removed,` +
    ` or: reconcile up ${argumentOf(target)}`;
  return [
    ...done,
    `${wrap(`Looked again: nothing of ${titleOf(target)} is left on ${where}.`, "")}\n`,
    ...(hasFiles ? [`${wrap(files, "")}\n`] : []),
  ].join("");
}

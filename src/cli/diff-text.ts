import { differenceOf, type Difference } from "./state-lines.ts";
import { collapse } from "../plan/collapse.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { describeEntry, type Line } from "./lines.ts";
import { type Colours, printable } from "./problems.ts";
import { wordOf } from "./words.ts";

/** One resource that differs: what would be done about it, and the lines of its state that differ. */
export interface ResourceDifference extends Line, Difference {
  readonly tenant: string;
}

/** All differences, out of the entries of a dry pass. Pure. */
export const differencesOf = (entries: readonly PlanEntry[]): ResourceDifference[] =>
  collapse(entries).map((entry) => ({
    tenant: entry.tenant,
    ...describeEntry(entry),
    ...differenceOf(entry),
  }));

/** In the manner of `diff -u`: what is, against what is asked for. */
export const describeDifference = (
  { tenant, subnet, verb, kind, name, hypervisor, reason, removed, added }: ResourceDifference,
  colours: Colours,
): string => {
  const title = `${subnet === undefined ? tenant : `${tenant}/${subnet}`} ${wordOf(kind)} ${name}@${hypervisor}`;
  return [
    colours.bold(`--- ${verb === "add" ? "/dev/null" : title}`),
    colours.bold(`+++ ${verb === "remove" ? "/dev/null" : title}`),
    colours.cyan(`@@ ${printable(reason)} @@`),
    ...removed.map((line) => colours.red(`-${printable(line)}`)),
    ...added.map((line) => colours.green(`+${printable(line)}`)),
  ]
    .map((line) => `${line}\n`)
    .join("");
};

import { approvalOf, type Note, type Refusal } from "../api/reasons.ts";
import { took } from "./duration.ts";
import { describeHypervisor, describeNoChange } from "./hypervisors-text.ts";
import { isAllSeen } from "../controllers/hypervisor-view.ts";
import { isNothing, type Totals } from "./lines.ts";
import { adviceOn, isAbout } from "./notes.ts";
import type { Outcome, PartOutcome, TenantOutcome } from "./outcome.ts";
import type { DrainTotals } from "../replicas/receipt.ts";
import { type Colours, margin, printable, wrap } from "./problems.ts";
import { plural } from "./words.ts";

/** How something came out: as asked, on its way, or in need of somebody. From the worst. */
const STATES = ["stuck", "waiting", "done"] as const;
type State = (typeof STATES)[number];

const markOf = (state: State, colours: Colours): string =>
  ({ done: colours.green("✓"), waiting: colours.yellow("!"), stuck: colours.red("✗") })[state];

/** What was done and how it stands, the worst first, and one sentence at the end. `directory`: as the reader gave it. */
export function describeOutcome(outcome: Outcome, directory: string, colours: Colours): string {
  const { hypervisors, refusals } = outcome;
  const parts = outcome.tenants.flatMap((tenant) =>
    tenant.parts.map((part) => ({ state: stateOf(tenant, part), tenant, part })),
  );
  const worthSaying = parts.filter(
    ({ state, tenant, part }) =>
      state !== "done" || !isNothing(part.totals) || aboutPart(tenant, part).length > 0,
  );
  return [
    ...hypervisors.flatMap((one) =>
      one.state === "seen" ? [] : describeHypervisor(one, markOf("stuck", colours)),
    ),
    ...refusals.flatMap((refusal) => describeRefusal(refusal, directory, colours)),
    ...worthSaying
      .toSorted((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))
      .flatMap(({ state, tenant, part }) => describePart(state, tenant, part, colours)),
    ...closing(outcome, directory, colours).map((line) => wrap(line, "")),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

const aboutPart = ({ tenant, notes }: TenantOutcome, { subnet }: PartOutcome): readonly Note[] =>
  notes.filter((note) => isAbout(note, tenant, subnet) && !note.object.startsWith("hypervisor/"));

function stateOf(tenant: TenantOutcome, part: PartOutcome): State {
  const severities = new Set(aboutPart(tenant, part).map(({ severity }) => severity));
  const failed = part.subnet === undefined && tenant.failures.length > 0;
  if (severities.has("stuck") || failed) return "stuck";
  return severities.has("waiting") ? "waiting" : "done";
}

function describePart(state: State, tenant: TenantOutcome, part: PartOutcome, colours: Colours): string[] {
  const name = part.subnet === undefined ? tenant.tenant : `${tenant.tenant}/${part.subnet}`;
  const done = isNothing(part.totals) ? "unchanged" : describeTotals(part.totals, part);
  const head = `${markOf(state, colours)} ${colours.bold(name.padEnd(8))} ${done}`;
  const failures = part.subnet === undefined ? tenant.failures : [];
  return [
    ...margin(head, took(tenant.milliseconds)),
    ...failures.map(({ hypervisor, name: what, message }) =>
      wrap(`  ${what === undefined ? "" : `${what}@`}${hypervisor}: ${printable(message)}`, "    "),
    ),
    ...aboutPart(tenant, part).flatMap(describeNote),
  ];
}

const replicas = (number: number): string => (number === 0 ? "" : ` (${plural(number, "replica")})`);

/** `added 31 (3 replicas), removed 2`. */
function describeTotals({ add, change, replace, remove }: Totals, { came, went }: PartOutcome): string {
  return [
    add > 0 ? `added ${add}${replicas(came)}` : [],
    change > 0 ? `changed ${change}` : [],
    replace > 0 ? `replaced ${replace}` : [],
    remove > 0 ? `removed ${remove}${replicas(went)}` : [],
  ]
    .flat()
    .join(", ");
}

/** A note with its reason, its object's own name, and what to do. */
function describeNote(note: Note): string[] {
  const name = note.object.split("/").at(-1) ?? "";
  const advice = adviceOn(note);
  return [
    wrap(`  ${note.reason}  ${name}: ${printable(note.message)}`, "    "),
    ...(advice === undefined ? [] : [wrap(`    fix: ${advice}`, "      ")]),
  ];
}

/** What waits for approval, and how to give it. */
export function describeRefusal(refusal: Refusal, directory: string, colours: Colours): string[] {
  const { object, message } = refusal;
  return [
    wrap(`${colours.yellow("!")} ${colours.bold(object)} ${printable(message)}`, "  "),
    `  refused until: ${approvalOf(refusal)}${directory}`,
  ];
}

/** What to do first when somebody is needed. */
function nextStep({ refusals: [first], hypervisors }: Outcome, directory: string): string {
  if (first) return `Next: ${approvalOf(first)}${directory}`;
  if (!isAllSeen(hypervisors)) return `Next, when it is seen again: reconcile --once${directory}`;
  return `Next: reconcile get all${directory === "" ? "" : ` -f${directory}`}`;
}

/** How it ended, what that meant for who was connected, and what to do next. */
function closing(outcome: Outcome, directory: string, colours: Colours): string[] {
  const [ending, ...next] = conclusion(outcome, directory, colours);
  return [ending, ...(outcome.drains ? [describeDrains(outcome.drains)] : []), ...next];
}

/** `Drained 3 replicas: 2 connections ended, 1 cut.` */
function describeDrains({ replicas: drained, connectionsEnded, connectionsCut }: DrainTotals): string {
  const what =
    connectionsEnded + connectionsCut === 0
      ? "no connection was open"
      : `${plural(connectionsEnded, "connection")} ended, ${connectionsCut === 0 ? "none" : connectionsCut} cut`;
  return `Drained ${plural(drained, "replica")}: ${what}.`;
}

function conclusion(outcome: Outcome, directory: string, colours: Colours): [string, ...string[]] {
  const { ending, tenants, hypervisors, objects, documents, milliseconds } = outcome;
  const open = tenants.filter(({ state }) => state !== "converged").map(({ tenant }) => tenant);
  const whose = open.length === 0 ? "" : `: ${open.join(", ")}`;
  const again = `Next: reconcile --once${directory}`;
  switch (ending) {
    case "converged": {
      if (!outcome.changed)
        return [`${colours.green("No change needed:")} ${describeNoChange(hypervisors, documents)}`];
      const trips = hypervisors.map(
        ({ roundTrips }) => (roundTrips?.looks ?? 0) + (roundTrips?.changes ?? 0),
      );
      const counted = [plural(objects, "object"), plural(hypervisors.length, "hypervisor")].join(", ");
      const seen = colours.green("Converged and seen to be so.");
      return [`${seen} ${counted}, ${trips.join(" + ")} round trips.`];
    }
    case "timeout":
      return [`${colours.red("Not converged")} within ${took(milliseconds)}${whose}.`, again];
    case "interrupted":
      return [`${colours.yellow("Interrupted")} after ${took(milliseconds)}${whose}.`, again];
    case "stuck": {
      const unseen = hypervisors.filter(({ state }) => state === "unseen").map(({ name }) => name);
      const kept =
        unseen.length === 0 ? "" : ` Nothing was deleted or moved on account of ${unseen.join(", ")}.`;
      return [`${colours.red("Not converged")}${whose}.${kept}`, nextStep(outcome, directory)];
    }
  }
}

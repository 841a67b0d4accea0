import { describeHypervisor, describeNoChange } from "./hypervisors-text.ts";
import { isNothing, type Line, type Totals } from "./lines.ts";
import { adviceOn } from "./notes.ts";
import { describeRefusal } from "./once-text.ts";
import type { PlanView, TenantPlan } from "./plan-view.ts";
import { type Colours, printable, WIDTH, wrap } from "./problems.ts";
import { MARKS, wordOf } from "./words.ts";

export interface PlanTextOptions {
  /** As the reader gave it, with a space before; empty for the default. */
  readonly directory: string;
  /** Every change on a line of its own. */
  readonly verbose: boolean;
  readonly colours: Colours;
  /** Only the changes, for who sums them up in other words. */
  readonly partOnly?: boolean;
}

/** A line of a plan: a mark, what, which ones, why. */
interface Row {
  readonly verb: Line["verb"];
  readonly word: string;
  readonly items: readonly string[];
  readonly why: string;
}

/** Kinds that people have one word for, led by the one that gives the line its reason. */
const FAMILIES: Readonly<Record<string, readonly [leader: string, ...others: string[]]>> = {
  namespace: ["netns", "sysctls", "filter", "guard"],
  network: ["bridge", "vxlan", "neighbours", "forwarding"],
  container: ["container", "port"],
};

/** The whole plan: by tenant and subnet, then what waits for approval, totals, and what to do next. */
export function describePlan(view: PlanView, options: PlanTextOptions): string {
  const { colours, directory } = options;
  const unseen = view.hypervisors.filter(({ state }) => state !== "seen");
  return [
    ...unseen.flatMap((one) => describeHypervisor(one, colours.yellow(MARKS.unknown))),
    ...view.tenants.flatMap((tenant) => describeTenant(tenant, options)),
    ...view.refusals.flatMap((refusal) => describeRefusal(refusal, directory, colours)),
    ...(options.partOnly ? [] : conclusion(view, options)),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function describeTenant(tenant: TenantPlan, options: PlanTextOptions): string[] {
  const { colours, verbose } = options;
  const subnets = new Set(tenant.changes.flatMap(({ subnet }) => subnet ?? []));
  const whole = tenant.changes.some(({ subnet }) => subnet === undefined) ? [undefined] : [];
  const sections = [...whole, ...[...subnets].toSorted()];
  const notes = options.partOnly ? [] : tenant.notes.filter(({ severity }) => severity !== "waiting");
  return [
    ...sections.flatMap((subnet) => {
      const changes = tenant.changes.filter((change) => change.subnet === subnet);
      const rows = verbose ? changes.map(rowOf) : rowsOf(changes);
      const network = subnet === undefined ? undefined : tenant.networks[subnet];
      const where = [...(network ? [network] : []), ...(tenant.home ? [`home ${tenant.home}`] : [])];
      const name = subnet === undefined ? tenant.tenant : `${tenant.tenant}/${subnet}`;
      return [
        `${colours.bold(name)}   ${where.join(", ")}`.trimEnd(),
        ...rows.flatMap((row) => layOut(row, colours)),
      ];
    }),
    ...notes
      .filter(({ object }) => !object.startsWith("hypervisor/"))
      .flatMap((note) => {
        const advice = adviceOn(note);
        const mark = note.severity === "stuck" ? colours.yellow("!") : "·";
        return [
          wrap(`${mark} ${note.reason}  ${note.object}: ${printable(note.message)}`, "  "),
          ...(advice === undefined ? [] : [wrap(`  fix: ${advice}`, "    ")]),
        ];
      }),
  ];
}

const whyOf = ({ reason, disruption }: Line): string =>
  [printable(reason), ...(disruption === "none" ? [] : [disruption])].join("; ");

const rowOf = (line: Line): Row => ({
  verb: line.verb,
  word: wordOf(line.kind),
  items: [`${line.name}@${line.hypervisor}`],
  why: line.detail === undefined ? whyOf(line) : `${line.detail}; ${whyOf(line)}`,
});

/**
 * Changes with what goes along with them folded in: a segment's links into its network, a replica's ports into its
 * container. Only where the leading one is changed in the same way: a port alone that is down is a line of its own.
 */
function rowsOf(lines: readonly Line[]): Row[] {
  const rows = new Map<string, Row & { items: string[] }>();
  for (const line of lines) {
    const family = familyOf(line, lines);
    if (family === "folded") continue;
    const vxlan = family === "network" ? lines.find((other) => isSibling(line, other, "vxlan")) : undefined;
    const why = vxlan?.detail ?? whyOf(line);
    const word = family ?? wordOf(line.kind);
    const key = JSON.stringify([line.verb, word, why]);
    const row = rows.get(key) ?? { verb: line.verb, word, items: [], why };
    const item = `${itemOf(line)}@${line.hypervisor}`;
    if (!row.items.includes(item)) row.items.push(item);
    rows.set(key, row);
  }
  return [...rows.values()];
}

/** The family that a line stands for; `folded` when its leader stands for it; undefined when it stands for itself. */
function familyOf(line: Line, all: readonly Line[]): string | undefined {
  if (line.verb !== "add" && line.verb !== "remove") return undefined;
  for (const [family, [leader, ...others]] of Object.entries(FAMILIES)) {
    if (line.kind === leader) return family;
    if (others.includes(line.kind))
      return all.some((other) => isSibling(line, other, leader)) ? "folded" : undefined;
  }
  return undefined;
}

const isSibling = (line: Line, other: Line, kind: string): boolean =>
  other.kind === kind &&
  other.verb === line.verb &&
  other.hypervisor === line.hypervisor &&
  (kind === "netns" || itemOf(other) === itemOf(line));

const NETWORK = new Set(FAMILIES["network"]);

/** Links of a segment are named after what fits their names; people know the segment. */
const itemOf = ({ kind, name, subnet }: Line): string =>
  NETWORK.has(kind) ? (subnet ?? "management") : name;

/** Columns of what it is, and of which ones; the reason has the rest, and stands below where the names are many. */
const [WORD, ITEMS] = [11, 26];

function layOut({ verb, word, items, why }: Row, colours: Colours): string[] {
  const paint = { add: colours.green, change: colours.yellow, replace: colours.yellow, remove: colours.red }[
    verb
  ];
  const head = `  ${paint(MARKS[verb])} ${word.padEnd(WORD)} `;
  const left = fill(items, ITEMS);
  const indent = " ".repeat(4 + WORD + 1);
  const right = fill(why.split(" "), WIDTH - indent.length - ITEMS - 2, " ");
  const height = Math.max(left.length, right.length);
  return Array.from({ length: height }, (_, index) =>
    `${index === 0 ? head : indent}${(left[index] ?? "").padEnd(ITEMS)}  ${right[index] ?? ""}`.trimEnd(),
  );
}

/** Words in lines of a width; a word that is longer has a line of its own. */
function fill(words: readonly string[], width: number, separator = ", "): string[] {
  const lines: string[] = [];
  for (const [index, word] of words.entries()) {
    const text = index < words.length - 1 ? `${word}${separator}` : word;
    const last = lines.at(-1);
    if (last !== undefined && `${last}${text}`.trimEnd().length <= width)
      lines[lines.length - 1] = last + text;
    else lines.push(text);
  }
  return lines.map((line) => line.trimEnd());
}

/** `8 to add, 0 to change, 0 to remove`. */
export const describeTotals = ({ add, change, replace, remove }: Totals): string =>
  [
    `${add} to add`,
    `${change} to change`,
    ...(replace > 0 ? [`${replace} to replace`] : []),
    `${remove} to remove`,
  ].join(", ");

function conclusion(
  { totals, hypervisors, documents, plan, refusals }: PlanView,
  { colours, directory }: PlanTextOptions,
): string[] {
  const unseen = hypervisors.filter(({ state }) => state !== "seen").map(({ name }) => name);
  const unknown =
    unseen.length === 0 ? [] : [wrap(`What ${unseen.join(", ")} needs is not known until it is seen.`, "")];
  if (isNothing(totals)) {
    if (refusals.length > 0) return ["Nothing else is to be changed.", ...unknown];
    if (unseen.length > 0) return ["Nothing to change on those that were seen.", ...unknown];
    return [`${colours.green("No change needed:")} ${describeNoChange(hypervisors, documents)}`];
  }
  return [
    wrap(`${colours.bold("Plan:")} ${describeTotals(totals)}. Disruption: ${totals.disruption}.`, ""),
    ...unknown,
    `Plan id ${plan}. Next: reconcile --once${directory}`,
  ];
}

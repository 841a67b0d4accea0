import type { TenantName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import type { TenantResult } from "../controllers/controller.ts";
import { collapse } from "../plan/collapse.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { Verb } from "../resources/resource.ts";
import { describeEntry } from "./lines.ts";
import { type Colours, printable, wrap } from "./problems.ts";
import { countOf, MARKS, wordOf } from "./words.ts";

const VERBS: readonly Verb[] = ["add", "change", "replace", "remove"];

/** The time of those lines, as seconds since a run began. */
export function sinceNow(now: () => number): () => string {
  const began = now();
  return () => `${((now() - began) / 1000).toFixed(1)} s`;
}

/** Tells what happens while it does, one line for what is begun together. */
export class Progress {
  readonly #write: (text: string) => void;
  readonly #colours: Colours;
  readonly #verbose: boolean;
  readonly #at: () => string;
  /** What was last said of each tenant, so that nothing is said twice. */
  readonly #said = new Map<TenantName, string>();

  /** @param at the time, as it stands before each line */
  constructor(options: {
    write: (text: string) => void;
    colours: Colours;
    verbose: boolean;
    at: () => string;
  }) {
    this.#write = options.write;
    this.#colours = options.colours;
    this.#verbose = options.verbose;
    this.#at = options.at;
  }

  /** Changes are about to be made. */
  readonly begin = (tenant: TenantName, entries: readonly PlanEntry[]): void => {
    for (const text of this.#verbose ? each(entries) : grouped(entries)) this.#line(tenant, text);
  };

  /** A pass is over: what failed in it, and what is waited for. */
  readonly passed = (results: readonly TenantResult[]): void => {
    for (const { tenant, state, failures, notes } of results) {
      const failed = failures.map(({ hypervisor, message }) => `${hypervisor}: ${printable(message)}`);
      const waiting = state === "failed" ? [] : describeWaiting(notes);
      const text = [...failed, ...waiting].join("\n");
      if (text !== "" && text !== this.#said.get(tenant))
        for (const line of text.split("\n")) this.#line(tenant, `${this.#colours.yellow("!")} ${line}`);
      this.#said.set(tenant, text);
    }
  };

  #line(tenant: TenantName, text: string): void {
    this.#write(
      `${wrap(`${this.#colours.dim(this.#at().padStart(8))}  ${this.#colours.bold(tenant)}  ${text}`, " ".repeat(12))}\n`,
    );
  }
}

/** `+ 2 namespaces, 4 bridges, 3 containers`: a line for each verb. */
const grouped = (entries: readonly PlanEntry[]): string[] =>
  VERBS.flatMap((verb) => {
    const counts = new Map<string, number>();
    for (const entry of entries)
      if (entry.verb === verb) counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
    const words = [...counts].map(([kind, number]) => countOf(number, kind));
    return words.length === 0 ? [] : [`${MARKS[verb]} ${words.join(", ")}`];
  });

const each = (entries: readonly PlanEntry[]): string[] =>
  collapse(entries)
    .map(describeEntry)
    .map(
      ({ verb, kind, name, hypervisor, reason }) =>
        `${MARKS[verb]} ${wordOf(kind)} ${name}@${hypervisor}: ${reason}`,
    );

/** `web-1@hv1, web-2@hv2: waits for its last connections`: what waits for the same, on one line. */
function describeWaiting(notes: readonly Note[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { object, message, severity } of notes) {
    if (severity !== "waiting") continue;
    const [, hypervisor, what = message] = /^on (\S+) (.*)$/s.exec(message) ?? [];
    const name = object.split("/").at(-1) ?? "";
    const group = groups.get(what) ?? [];
    group.push(hypervisor === undefined ? name : `${name}@${hypervisor}`);
    groups.set(what, group);
  }
  return [...groups].map(([what, names]) => `${names.join(", ")}: ${printable(what)}`);
}

import { stringify } from "yaml";
import { EvenkeelError } from "../api/errors.ts";
import { legacyState } from "../status/legacy-state.ts";
import { statesOf, type TenantState } from "../status/state.ts";
import { notFound, seen } from "./seen.ts";
import { tableOfStates } from "./state-text.ts";
import type { SessionOptions } from "./session.ts";
import { answer, json } from "./streams.ts";

export type StateOutput = "table" | "wide" | "json" | "yaml" | "name" | "legacy";

export interface StateOptions extends SessionOptions {
  readonly output: StateOutput;
  readonly manifests: string;
}

/** Whether `get` was asked for tenants' state, and for nothing besides. */
export const isState = (words: readonly string[]): boolean => words[0] === "state" && words.length === 1;

/** `reconcile get state`: one tenant, or each of all of them, in one piece. */
export const getState = (tenant: string | undefined, options: StateOptions): Promise<number> =>
  seen(options.manifests, options, (view, { fleet, now }) => {
    const all = statesOf(view, now);
    const found = tenant === undefined ? all : all.filter(({ metadata }) => isNamed(metadata, tenant));
    if (tenant !== undefined && found.length === 0) throw notFound(`tenant/${tenant}`, fleet);
    answer(printStates(found, options.output, tenant !== undefined));
    return 0;
  });

const isNamed = ({ name }: { readonly name: string }, wanted: string): boolean => name === wanted;

/**
 * Some tenants' state, in one of the formats.
 * @throws EvenkeelError EK-USAGE for the predecessor's format, which holds one tenant, with several
 */
export function printStates(states: readonly TenantState[], output: StateOutput, isOne: boolean): string {
  const [first] = states;
  switch (output) {
    case "json":
      return json(wholeOf(states, isOne));
    case "yaml":
      return stringify(wholeOf(states, isOne));
    case "legacy":
      if (first && states.length === 1) return json(legacyState(first));
      throw new EvenkeelError("EK-USAGE", `-o legacy is of one tenant, and there are ${states.length}`, {
        fix: "say of which: -n TENANT",
      });
    case "name":
      return states.map(({ metadata }) => `state/${metadata.name}\n`).join("");
    case "table":
    case "wide":
      return tableOfStates(states, output === "wide");
  }
}

const wholeOf = (states: readonly TenantState[], isOne: boolean): unknown =>
  isOne && states.length === 1 ? states[0] : { apiVersion: "v1", kind: "List", items: states };

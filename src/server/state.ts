import { legacyState } from "../status/legacy-state.ts";
import type { TenantState } from "../status/state.ts";
import { type Answer, type Route, text } from "./server.ts";

/** Every tenant's state; undefined before the first look. */
type States = () => readonly TenantState[] | undefined;

/** One tenant's state, and nothing of another's. */
export const tenantState =
  (states: States): Route =>
  (name) =>
    answerFor(states, name, (state) => state);

/** The same in the predecessor's format. */
export const tenantLegacyState =
  (states: States): Route =>
  (name) =>
    answerFor(states, name, legacyState);

function answerFor(states: States, name: string, show: (state: TenantState) => object): Answer {
  const known = states();
  if (known === undefined) return text(503, "no pass over the fleet has come to its end yet");
  const found = known.find(({ metadata }) => metadata.name === name);
  if (found === undefined) return text(404, `there is no tenant ${name}`);
  return {
    status: 200,
    contentType: "application/json",
    body: `${JSON.stringify(show(found), undefined, 2)}\n`,
  };
}

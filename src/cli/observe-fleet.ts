import { visibilityOf } from "../facts/visibility.ts";
import { observe } from "../resources/index.ts";
import { fleetView, type TenantSighting } from "../controllers/fleet-view.ts";
import { refusalNote } from "../controllers/notes.ts";
import { collapse } from "../plan/collapse.ts";
import type { FleetView } from "../status/view.ts";
import type { Foresight } from "./plan-view.ts";

/** Every object of the fleet with its status, out of what was remembered and one look. Pure. */
export function viewForesight({ revision, before, result }: Foresight, now: number): FleetView {
  const { observation } = result;
  const seen = new Set(observation.seen.keys());
  const visible = visibilityOf(observation.seen);
  const everything = [...observation.seen.values()].flatMap((facts) => observe(facts, before.fleet));
  const tenants = result.tenants.map(
    ({ tenant: name, notes, entries, refusals }): TenantSighting => ({
      name,
      sighting: {
        observed: everything.filter(({ tenant }) => tenant === name),
        seen,
        visible,
        connections: undefined,
        answers: new Map(),
      },
      // A dry pass has been to the end of all waiting: what is under way shows in the replicas and in what is pending.
      notes: [...refusals.map(refusalNote), ...notes.filter(({ severity }) => severity !== "waiting")],
      pending: collapse(entries).map(({ subnet }) => subnet),
    }),
  );
  return fleetView({ revision, memory: before, observation, tenants, now });
}

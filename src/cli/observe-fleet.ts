import type { Note, Refusal } from "../api/reasons.ts";
import { inForce, observeAll } from "../controllers/departures.ts";
import { collapse } from "../plan/collapse.ts";
import { adopt } from "../replicas/adopt.ts";
import { EMPTY_TENANT } from "../replicas/memory.ts";
import { type FleetView, type TenantInput, viewFleet } from "../status/view.ts";
import { type HypervisorView, viewHypervisors } from "./hypervisors.ts";
import type { Foresight } from "./plan-view.ts";

/** Every object of the fleet with its status, out of what was remembered and one look. Pure. */
export function viewForesight({ revision, before, result }: Foresight, now: number): FleetView {
  const { observation } = result;
  const seen = new Set(observation.seen.keys());
  const visible = new Set(
    [...observation.seen].flatMap(([name, { containers }]) => (containers ? [name] : [])),
  );
  const everything = observeAll(observation.seen, before);
  const tenants = result.tenants.map(({ tenant: name, notes, entries, refusals }): TenantInput => {
    const wanted = inForce(name, revision, before);
    const observed = everything.filter(({ tenant }) => tenant === name);
    return {
      name,
      document: wanted?.tenant,
      subnets: wanted?.subnets ?? new Map(),
      memory: adopt(before.tenants[name] ?? EMPTY_TENANT, wanted, observed, now),
      sighting: { observed, seen, visible, connections: undefined, answers: new Map() },
      // A dry pass has been to the end of all waiting: what is under way shows in the replicas and in what is pending.
      notes: [...refusals.map(noteOf), ...notes.filter(({ severity }) => severity !== "waiting")],
      pending: collapse(entries).map(({ subnet }) => subnet),
    };
  });
  return viewFleet({
    fleet: revision.fleet,
    hypervisors: revision.hypervisors,
    observation,
    hypervisorNotes: viewHypervisors(revision, observation).flatMap(noteOn),
    tenants,
    since: (key) => before.documents[key]?.since,
    now,
  });
}

const noteOf = ({ id, object, message }: Refusal): Note => ({
  reason: "NeedsApproval",
  object,
  message: `${message}: reconcile approve ${id}`,
  severity: "stuck",
});

function noteOn({ name, state, code, message = "" }: HypervisorView): Note[] {
  if (state === "seen") return [];
  const object = `hypervisor/${name}`;
  const reason =
    state === "no-docker"
      ? "DockerUnreachable"
      : code === "EK-LOOK-INCOMPLETE"
        ? "LookIncomplete"
        : code === "EK-HOST-UNFIT"
          ? "HypervisorUnfit"
          : "HypervisorUnreachable";
  return [{ reason, object, message, severity: "stuck" }];
}

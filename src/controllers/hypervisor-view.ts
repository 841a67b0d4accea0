import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { Observation } from "../facts/facts.ts";
import type { TripCount, TripCounts } from "../hosts/round-trips.ts";
import type { Revision } from "../manifests/revision.ts";

/** How a hypervisor came out of a look. */
export interface HypervisorView {
  readonly name: HypervisorName;
  /** `seen` in whole · `no-docker` all but its containers · `unseen` nothing is known */
  readonly state: "seen" | "no-docker" | "unseen";
  /** Why it was not seen in whole, with a code and what to do about it. */
  readonly code?: string;
  readonly message?: string;
  readonly fix?: string;
  readonly roundTrips?: TripCount;
}

/** All hypervisors of the manifests, as one observation shows them. */
export const viewHypervisors = (
  { hypervisors }: Revision,
  observation: Observation,
  trips?: TripCounts,
): HypervisorView[] =>
  [...hypervisors.keys()].map((name) => {
    const roundTrips = trips?.get(name);
    return { ...viewOne(name, observation), ...(roundTrips && { roundTrips }) };
  });

function viewOne(name: HypervisorName, { seen, unseen }: Observation): HypervisorView {
  const facts = seen.get(name);
  if (facts?.containers) return { name, state: "seen" };
  if (facts)
    return {
      name,
      state: "no-docker",
      code: "EK-DOCKER",
      message: "Docker does not answer there; its containers and their ports are left alone",
      fix: `systemctl status docker on ${name}`,
    };
  const error = unseen.get(name)?.error;
  const code = error instanceof EvenkeelError ? error.code : undefined;
  const fix = error instanceof EvenkeelError ? error.fix : undefined;
  return {
    name,
    state: "unseen",
    ...(code !== undefined && { code }),
    message: error?.message ?? "it was not looked at",
    ...(fix !== undefined && fix !== "" && { fix }),
  };
}

/** Whether all of them were seen in whole. */
export const isAllSeen = (hypervisors: readonly HypervisorView[]): boolean =>
  hypervisors.every(({ state }) => state === "seen");

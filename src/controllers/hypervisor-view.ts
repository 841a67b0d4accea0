import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { Observation } from "../facts/facts.ts";
import { SILENCE, silentRuntime } from "../facts/visibility.ts";
import type { TripCount, TripCounts } from "../hosts/round-trips.ts";
import type { Revision } from "../manifests/revision.ts";

/** How a hypervisor came out of a look. */
export interface HypervisorView {
  readonly name: HypervisorName;
  /** `seen` in whole · `no-docker`, `no-libvirt` all but what that runs · `unseen` nothing is known */
  readonly state: "seen" | "no-docker" | "no-libvirt" | "unseen";
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
  const silent = facts && silentRuntime(facts);
  if (silent !== undefined)
    return {
      name,
      state: `no-${silent}`,
      code: silent === "docker" ? "EK-DOCKER" : "EK-LIBVIRT",
      message: SILENCE[silent].message,
      fix: `systemctl status ${SILENCE[silent].unit} on ${name}`,
    };
  if (facts) return { name, state: "seen" };
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

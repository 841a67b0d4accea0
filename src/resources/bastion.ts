import { type BastionMark, readBastionMark } from "./marks.ts";
import type { ContainerRequest } from "./operation.ts";
import { kind, type Resource } from "./resource.ts";
import type { RunnerState } from "./workload.ts";

/** A tenant's bastion: one container at home, on the management network alone. It is no replica, and is not drained. */
export interface BastionState extends RunnerState {
  readonly mark: BastionMark;
  /** What to create; only of a desired state. */
  readonly request?: ContainerRequest;
}

export const isBastion = (resource: Resource): resource is Resource<BastionState> =>
  resource.kind === "bastion";

export const bastion = kind<BastionState>({
  name: "bastion",

  *observe({ hypervisor, containers }, fleet) {
    for (const summary of containers ?? []) {
      const mark = readBastionMark(fleet, summary);
      if (!mark) continue;
      const { name, id, state } = summary;
      const paused = state === "paused" && { paused: true };
      yield {
        kind: "bastion",
        hypervisor,
        tenant: mark.tenant,
        name,
        state: { name, mark, running: state === "running", ...paused, id },
      };
    }
  },

  change({ desired, observed }) {
    if (!desired)
      return observed?.id === undefined
        ? undefined
        : {
            verb: "remove",
            reason: "the tenant has another bastion, or none",
            disruption: "none",
            // Before another is started, which has the same address.
            // guard: fresh identity
            operations: [{ phase: "settings", tool: "remove-container", lines: [observed.id] }],
          };
    if (observed?.paused && observed.id !== undefined)
      return {
        verb: "change",
        reason: "it was paused",
        disruption: "none",
        operations: [{ phase: "start", tool: "unpause", lines: [observed.id] }],
      };
    if (observed?.running || !desired.request) return undefined;
    return {
      verb: observed ? "change" : "add",
      reason: observed ? "it does not run" : "the tenant's way in",
      disruption: "none",
      operations: [{ phase: "start", tool: "engine", request: desired.request }],
    };
  },
});

import type { ContainerRequest, ScriptOperation } from "./operation.ts";
import { readMark } from "./marks.ts";
import { kind, type Resource } from "./resource.ts";
import type { WorkloadState } from "./workload.ts";

/** A replica's container. Its network is put in from outside, so Docker never restarts it: a restart loses its links. */
export interface ContainerState extends WorkloadState {
  /** What to create; only of a desired state. */
  readonly request?: ContainerRequest;
}

export const isContainer = (resource: Resource): resource is Resource<ContainerState> =>
  resource.kind === "container";

/** Whether a container in that state, in Docker's words, has processes, and with them its network. */
export const isAlive = (state: string): boolean => state === "running" || state === "paused";

export const container = kind<ContainerState>({
  name: "container",

  *observe({ hypervisor, containers }, fleet) {
    for (const summary of containers ?? []) {
      const { name, id, state } = summary;
      const mark = readMark(fleet, summary);
      if (!mark) continue;
      const { tenant, subnet } = mark;
      yield {
        kind: "container",
        hypervisor,
        tenant,
        subnet,
        name,
        state: { name, mark, running: state === "running", ...(state === "paused" && { paused: true }), id },
      };
    }
  },

  change({ desired, observed }) {
    if (!desired || desired.gone !== undefined)
      return observed?.id === undefined
        ? undefined
        : {
            verb: "remove",
            reason: desired?.gone ?? "its replica is gone",
            disruption: "none",
            operations: [{ phase: "stop", tool: "remove-container", lines: [observed.id] }],
          };
    const resume = (phase: "start" | "stop"): ScriptOperation[] =>
      observed?.paused && observed.id !== undefined ? [{ phase, tool: "unpause", lines: [observed.id] }] : [];
    if (desired.signal !== undefined)
      return (observed?.running || observed?.paused) && observed.id !== undefined
        ? {
            verb: "change",
            reason: `drained; ${desired.signal} tells it to end`,
            disruption: "drain",
            operations: [
              // What is paused hears no signal.
              ...resume("stop"),
              { phase: "stop", tool: "signal", lines: [`${desired.signal} ${observed.id}`] },
            ],
          }
        : undefined;
    if (observed?.paused && desired.running)
      return {
        verb: "change",
        reason: "it was paused",
        disruption: "none",
        operations: resume("start"),
      };
    if (observed?.running || !desired.request) return undefined;
    return {
      verb: observed ? "change" : "add",
      reason: observed ? "it does not run" : `replica ${desired.mark.ordinal} of the subnet`,
      disruption: "none",
      operations: [{ phase: "start", tool: "engine", request: desired.request }],
    };
  },
});

import type { DomainRequest, ScriptOperation } from "./operation.ts";
import { type Change, kind } from "./resource.ts";
import { markedDomains } from "./taps.ts";
import type { WorkloadState } from "./workload.ts";

/**
 * A replica's virtual machine. It is started frozen: its taps have to be moved into the tenant's namespace and locked
 * there before a packet passes. It never starts by itself: after a reboot its bridges have to stand first.
 */
export interface DomainState extends WorkloadState {
  /** What to define; only of a desired state. */
  readonly request?: DomainRequest;
}

export const domain = kind<DomainState>({
  name: "domain",
  title: "VM",

  *observe(facts, fleet) {
    const { hypervisor } = facts;
    for (const { fact, mark, isAlive, unplugged } of markedDomains(facts, fleet)) {
      const { tenant, subnet } = mark;
      const { name, uuid: id, state } = fact;
      const paused = state === "paused";
      yield {
        kind: "domain",
        hypervisor,
        tenant,
        subnet,
        name,
        state: {
          name,
          mark,
          running: isAlive && !paused,
          ...(paused && { paused }),
          ...(unplugged && { unplugged }),
          id,
        },
      };
    }
  },

  change({ desired, observed }) {
    const id = observed?.id;
    const line = (phase: ScriptOperation["phase"], word: string): ScriptOperation[] =>
      id === undefined ? [] : [{ phase, tool: "domain", lines: [`${word} ${id} ${observed?.name}`] }];
    if (!desired || desired.gone !== undefined)
      return id === undefined
        ? undefined
        : changed("remove", desired?.gone ?? "its replica is gone", line("stop", "remove"));
    if (desired.signal !== undefined)
      return (observed?.running || observed?.paused) && id !== undefined
        ? changed(
            "change",
            "drained; its power button tells it to end",
            [...(observed.paused ? line("stop", "resume") : []), ...line("stop", "shutdown")],
            "drain",
          )
        : undefined;
    if (!desired.running || (observed?.running && !observed.unplugged)) return undefined;
    const resume: ScriptOperation = {
      phase: "resume",
      tool: "domain",
      lines: [`resume ${desired.request?.uuid ?? id} ${desired.name}`],
    };
    if (observed?.paused && !observed.unplugged) return changed("change", "it was paused", [resume]);
    const { request } = desired;
    if (!request) return undefined;
    const start = { phase: "start", tool: "domain-start", request } as const;
    if (!observed) return changed("add", `replica ${desired.mark.ordinal} of the subnet`, [start, resume]);
    return observed.unplugged
      ? changed("change", "one of its links is gone", [...line("settings", "stop"), start, resume], "restart")
      : changed("change", "it does not run", [start, resume]);
  },
});

const changed = (
  verb: Change["verb"],
  reason: string,
  operations: Change["operations"],
  disruption: Change["disruption"] = "none",
): Change => ({ verb, reason, disruption, operations });

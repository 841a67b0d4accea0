import { namespaceOf, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";

/** A tenant's own network namespace on one hypervisor: everything of its network lies inside, and goes with it. */
export interface NetnsState {
  readonly namespace: string;
}

export const netns = kind<NetnsState>({
  name: "netns",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const namespace of namespaces.keys()) {
      const tenant = tenantOf(fleet, namespace);
      if (tenant) yield { kind: "netns", hypervisor, tenant, name: tenant, state: { namespace } };
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    if (desired && !observed)
      return {
        verb: "add",
        reason: "the tenant has no namespace here",
        disruption: "none",
        operations: [{ phase: "namespace", tool: "netns-add", lines: [namespace] }],
      };
    if (observed && !desired)
      return {
        verb: "remove",
        reason: "nothing of the tenant belongs here any more",
        disruption: "none",
        operations: [{ phase: "dissolve", tool: "netns-remove", lines: [namespace] }],
      };
    return undefined;
  },
});

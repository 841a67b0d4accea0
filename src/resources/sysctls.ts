import { namespaceOf, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";

/** Kernel settings of a tenant's namespace, by path below /proc/sys/net. Always written, never taken for granted. */
export interface SysctlsState {
  readonly values: Readonly<Record<string, string>>;
}

/** These appear only when br_netfilter is loaded, then with 1: absent is as good as 0, 1 is drift. */
const MAY_BE_ABSENT = /^bridge\//;

export const sysctls = kind<SysctlsState>({
  name: "sysctls",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { sysctls: values }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (tenant) yield { kind: "sysctls", hypervisor, tenant, name: tenant, state: { values } };
    }
  },

  change({ place, desired, observed, fleet }) {
    if (!desired) return undefined; // they go with the namespace
    const wrong = Object.entries(desired.values).filter(([path, value]) => {
      const found = observed?.values[path];
      return found !== value && !(found === undefined && observed && MAY_BE_ABSENT.test(path));
    });
    if (wrong.length === 0) return undefined;
    return {
      verb: observed ? "change" : "add",
      reason: observed
        ? wrong
            .map(([path, value]) => `${path} is ${observed.values[path] ?? "absent"}, must be ${value}`)
            .join("; ")
        : "a namespace inherits the machine's settings",
      disruption: "none",
      operations: [
        {
          phase: "settings",
          tool: "sysctl",
          namespace: namespaceOf(fleet, place.tenant),
          lines: wrong.map(([path, value]) => `${path}=${value}`),
        },
      ],
    };
  },
});

import type { Ipv4 } from "../api/addresses.ts";
import { endAstray, notRunning, type ProcessState, removed } from "./gateway-process.ts";
import { difference, same } from "./lines.ts";
import { namespaceOf } from "./marks.ts";
import { kind, type Resource } from "./resource.ts";

/**
 * What answers DHCP and DNS in a tenant's gateway: one dnsmasq. What it was started with holds until it is started again;
 * names and addresses are in files, which it reads anew when it is told (SIGHUP).
 */
export interface ResolverState extends ProcessState {
  /** Words of its command line; none while it does not run. */
  readonly command: readonly string[];
  /** Lines `ADDRESS NAME`. */
  readonly hosts: readonly string[];
  /** Lines `MAC,NAME,ADDRESS`: who is given an address. */
  readonly leases: readonly string[];
  /** Whether it has been told of its files as they are. */
  readonly isTold: boolean;
}

export const isResolver = (resource: Resource): resource is Resource<ResolverState> =>
  resource.kind === "resolver";

export const resolver = kind<ResolverState>({
  name: "resolver",

  *observe({ hypervisor, resolvers }) {
    for (const [tenant, state] of resolvers)
      yield { kind: "resolver", hypervisor, tenant, name: tenant, state };
  },

  change(context) {
    const { desired, observed } = context;
    if (!desired) return removed("resolver", context, "nobody asks it here any more");
    const reason = differenceOf(desired, observed);
    if (reason === undefined) return undefined;
    const namespace = namespaceOf(context.fleet, context.place.tenant);
    const files = [
      ...desired.hosts.map((line) => `hosts ${line}`),
      ...desired.leases.map((line) => `leases ${line}`),
    ];
    const isStarted = !isRunning(desired, observed);
    const lines = isStarted ? [...desired.command.map((word) => `command ${word}`), ...files] : files;
    return {
      verb: observed ? "change" : "add",
      reason,
      disruption: "none",
      operations: [
        ...endAstray("resolver", context),
        { phase: "resolve", tool: isStarted ? "resolver-start" : "resolver-tell", namespace, lines },
      ],
    };
  },
});

/** Whether it runs where it should, with what it should. */
const isRunning = (desired: ResolverState, observed: ResolverState | undefined): boolean =>
  observed !== undefined && observed.isAstray === desired.isAstray && same(desired.command, observed.command);

/** Why one is not as it should be; undefined when it is. */
function differenceOf(desired: ResolverState, observed: ResolverState | undefined): string | undefined {
  if (!observed) return "names and addresses of the tenant's own";
  if (!isRunning(desired, observed)) {
    if (observed.isAstray) return "it runs in a namespace that has lost its name";
    if (observed.command.length > 0)
      return `it runs with other settings: ${difference(desired.command, observed.command)}`;
    return notRunning(observed);
  }
  const files = [
    same(desired.hosts, observed.hosts) ? "" : `names: ${difference(desired.hosts, observed.hosts)}`,
    same(desired.leases, observed.leases) ? "" : `leases: ${difference(desired.leases, observed.leases)}`,
  ].filter(Boolean);
  if (files.length > 0) return files.join("; ");
  return desired.isTold && !observed.isTold ? "it was not told of its files" : undefined;
}

/** One of which nothing is known but its files, without the names of some addresses. */
export const withoutNames = (state: ResolverState, addresses: readonly Ipv4[]): ResolverState => ({
  ...state,
  hosts: state.hosts.filter((line) => !addresses.some((address) => line.startsWith(`${address} `))),
});

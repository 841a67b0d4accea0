import { endAstray, notRunning, type ProcessState, removed } from "./gateway-process.ts";
import { difference, same } from "./lines.ts";
import { namespaceOf } from "./marks.ts";
import { kind, type Resource } from "./resource.ts";

/**
 * What hears, in a tenant's gateway, the figures that its replicas' collectd sends: one collectd. All that it does is in its
 * configuration, which holds until it is started again.
 */
export interface CollectorState extends ProcessState {
  /** Lines of its configuration, as collectd.conf has them. */
  readonly configuration: readonly string[];
  readonly isRunning: boolean;
}

export const isCollector = (resource: Resource): resource is Resource<CollectorState> =>
  resource.kind === "collector";

export const collector = kind<CollectorState>({
  name: "collector",

  *observe({ hypervisor, collectors }) {
    for (const [tenant, state] of collectors)
      yield { kind: "collector", hypervisor, tenant, name: tenant, state };
  },

  change(context) {
    const { desired, observed } = context;
    if (!desired) return removed("collector", context, "no subnet goes by collectd's figures any more");
    const reason = differenceOf(desired, observed);
    if (reason === undefined) return undefined;
    const namespace = namespaceOf(context.fleet, context.place.tenant);
    return {
      verb: observed ? "change" : "add",
      reason,
      disruption: "none",
      operations: [
        ...endAstray("collector", context),
        // A new namespace's is down, and it is asked there.
        { phase: "configure", tool: "ip-inside", namespace, lines: ["link set lo up"] },
        { phase: "resolve", tool: "collector-start", namespace, lines: desired.configuration },
      ],
    };
  },
});

/** Why one is not as it should be; undefined when it is. */
function differenceOf(desired: CollectorState, observed: CollectorState | undefined): string | undefined {
  if (!observed) return "a subnet goes by what collectd measures";
  if (observed.isAstray && !desired.isAstray) return "it runs in a namespace that has lost its name";
  if (desired.isRunning && !observed.isRunning) return notRunning(observed);
  return same(desired.configuration, observed.configuration)
    ? undefined
    : `its settings: ${difference(desired.configuration, observed.configuration)}`;
}

import { difference, same } from "./lines.ts";
import { groupOf, namespaceOf } from "./marks.ts";
import type { ScriptOperation } from "./operation.ts";
import { kind, type Resource } from "./resource.ts";

/**
 * What hears, in a tenant's gateway, the figures that its replicas' collectd sends: one collectd. All that it does is in its
 * configuration, which holds until it is started again.
 */
export interface CollectorState {
  /** Lines of its configuration, as collectd.conf has them. */
  readonly configuration: readonly string[];
  readonly isRunning: boolean;
  /** Whether it runs in a namespace that has lost its name, and lives on with it. */
  readonly isAstray: boolean;
  /** What was said when it could not be started; only of an observed state. */
  readonly failure?: string | undefined;
}

export const isCollector = (resource: Resource): resource is Resource<CollectorState> =>
  resource.kind === "collector";

export const collector = kind<CollectorState>({
  name: "collector",

  *observe({ hypervisor, collectors }) {
    for (const [tenant, state] of collectors)
      yield { kind: "collector", hypervisor, tenant, name: tenant, state };
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    const end = (phase: "namespace" | "withdraw"): ScriptOperation => ({
      phase,
      tool: "collector-stop",
      lines: [`${namespace} ${groupOf(fleet)}`],
    });
    if (!desired)
      return (
        observed && {
          verb: "remove",
          reason: "no subnet goes by collectd's figures any more",
          disruption: "none",
          operations: [end("withdraw")],
        }
      );
    const reason = differenceOf(desired, observed);
    if (reason === undefined) return undefined;
    return {
      verb: observed ? "change" : "add",
      reason,
      disruption: "none",
      operations: [
        // What it runs in holds VXLAN ids, and the other ends of replicas' links.
        ...(observed?.isAstray ? [end("namespace")] : []),
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
  if (desired.isRunning && !observed.isRunning)
    return observed.failure === undefined ? "it does not run" : `it does not run: ${observed.failure}`;
  return same(desired.configuration, observed.configuration)
    ? undefined
    : `its settings: ${difference(desired.configuration, observed.configuration)}`;
}

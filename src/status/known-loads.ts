import { inManifestUnit } from "../autoscale/policy.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import type { FleetView } from "./view.ts";

/** A load that was measured longer ago says nothing about now; milliseconds. */
export const FRESH_MILLISECONDS = 60_000;

/** The same view, with the loads that subnets were decided on, where that was a moment ago. By `tenant/subnet`. Pure. */
export const withLoads = (
  view: FleetView,
  decisions: ReadonlyMap<string, { readonly data: DecisionRecord }>,
  now: number,
): FleetView => ({
  ...view,
  subnets: view.subnets.map((subnet) => {
    const { namespace, name } = subnet.metadata;
    const trace = decisions.get(`${namespace}/${name}`)?.data.trace;
    if (!trace || now - trace.at >= FRESH_MILLISECONDS) return subnet;
    const load = trace.metrics.flatMap(({ metric, ratio }) =>
      ratio === undefined ? [] : [[metric, inManifestUnit(metric, ratio)] as const],
    );
    return load.length === 0
      ? subnet
      : { ...subnet, status: { ...subnet.status, load: Object.fromEntries(load) } };
  }),
});

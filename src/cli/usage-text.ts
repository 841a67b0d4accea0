import { percent } from "../autoscale/policy.ts";
import { aligned } from "./table.ts";
import type { Usage } from "./usage.ts";

const short = (ratio: number): string => percent(ratio).replace(" ", "");

/** `412m`, `1.5`: CPUs as manifests give them. */
const cpus = (number: number | undefined): string =>
  number === undefined
    ? "?"
    : number < 1
      ? `${Math.round(number * 1000)}m`
      : String(Number(number.toFixed(2)));

/** One table for each kind that there is something of. */
export function describeUsage(
  usages: readonly Usage[],
  { manyTenants }: { readonly manyTenants: boolean },
): string {
  const tables = (["hypervisors", "subnets", "replicas"] as const).flatMap((kind) => {
    const own = usages.filter((one) => one.kind === kind);
    return own.length === 0 ? [] : [tableOf(kind, own, manyTenants && kind !== "hypervisors")];
  });
  return tables.length > 0 ? tables.join("\n") : "Nothing to show.\n";
}

function tableOf(kind: Usage["kind"], usages: readonly Usage[], hasTenant: boolean): string {
  const last = kind === "replicas" ? "HYPERVISOR" : "REPLICAS";
  const title = [hasTenant ? "NAMESPACE" : [], "NAME", "CPU", "LIMIT", "LOAD", "THRESHOLDS", last].flat();
  const rows = usages.map(({ tenant, name, used, limit, load, thresholds, hypervisor, replicas }) =>
    [
      hasTenant ? (tenant ?? "") : [],
      name,
      cpus(used),
      cpus(limit),
      load === undefined ? "?" : short(load),
      thresholds ? `${short(thresholds.min)}-${short(thresholds.max)}` : "<none>",
      hypervisor ?? replicas ?? "",
    ].flat(),
  );
  return aligned([title, ...rows]);
}

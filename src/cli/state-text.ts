import type { ReplicaState, SubnetState, TenantState } from "../status/state.ts";
import { aligned } from "./table.ts";

/** Tenants' states for people: a line on each tenant, and its replicas in a table. */
export const tableOfStates = (states: readonly TenantState[], wide: boolean): string =>
  states.length === 0 ? "No objects found.\n" : states.map((state) => tableOf(state, wide)).join("\n");

function tableOf(state: TenantState, wide: boolean): string {
  const { metadata, status, scaledReplicas, lastScaleUpTime, hypervisors, subnets } = state;
  const unseen = hypervisors.filter(({ seen }) => !seen).map(({ name }) => name);
  const head = [
    `tenant ${metadata.name}: ${status}`,
    `${scaledReplicas ?? "?"} scaled`,
    lastScaleUpTime === null ? "no scale-up is remembered" : `last scale-up ${lastScaleUpTime}`,
    ...(unseen.length > 0 ? [`not seen: ${unseen.join(", ")}`] : []),
  ];
  const rows = subnets.flatMap((subnet) => subnet.replicas.map((replica) => rowOf(subnet, replica, wide)));
  return `${head.join(" · ")}\n${rows.length > 0 ? aligned([titles(wide), ...rows]) : "No replicas.\n"}`;
}

const titles = (wide: boolean): string[] => [
  "NAME",
  "PHASE",
  "READY",
  "SCALED",
  "HYPERVISOR",
  "ADDRESS",
  ...(wide ? ["MANAGEMENT", "RUNTIME", "LOAD"] : []),
];

const rowOf = ({ load }: SubnetState, replica: ReplicaState, wide: boolean): string[] => [
  replica.name,
  replica.phase,
  replica.ready,
  replica.scaled ? `#${replica.scaleOrder}` : "-",
  replica.hypervisor,
  replica.address,
  ...(wide ? [replica.managementAddress, replica.runtime, loadOf(load)] : []),
];

const loadOf = (load: SubnetState["load"]): string =>
  Object.entries(load ?? {})
    .map(([metric, value]) => `${metric}=${value}`)
    .join(",") || "?";

import type { Service, Workload } from "../api/kinds.gen.ts";
import type { HypervisorName, ReplicaName, SubnetName, TenantName } from "../api/names.ts";
import type { HypervisorObject, ReplicaObject, SubnetObject, TenantObject } from "./objects.ts";
import { timestamp } from "./objects.ts";
import type { FleetView } from "./view.ts";

/** `scaledup` more replicas stand than the subnet's minimum · `idle` no more · `unknown` more may stand than is known */
export type ScaleStatus = "idle" | "scaledup" | "unknown";

/**
 * One tenant at one moment, for programs that ask again and again: the same fields in the same order each time. Nothing of
 * another tenant is in it. What is not known is null or `unknown`, never a number or a no. Times are ISO 8601. Its JSON
 * Schema is crd-schemas/tenant-state.schema.json.
 */
export interface TenantState {
  readonly apiVersion: "evenkeel.dev/v1alpha1";
  readonly kind: "TenantState";
  readonly metadata: { readonly name: TenantName };
  /** When this was put together. */
  readonly time: string;
  readonly status: ScaleStatus;
  /** Null when nobody remembers one. */
  readonly lastScaleUpTime: string | null;
  readonly scaledReplicas: number | null;
  readonly hypervisors: readonly HypervisorState[];
  readonly subnets: readonly SubnetState[];
}

export interface HypervisorState {
  readonly name: HypervisorName;
  /** In the underlay; null when no document describes it any more. */
  readonly address: string | null;
  /** `former`: the tenant's document does not name it, and something of the tenant stands there. */
  readonly role: "primary" | "standby" | "former";
  /** Whether it was seen now, with its containers. */
  readonly seen: boolean;
  /** Its own thresholds in percent of its CPUs. */
  readonly load: { readonly min: number; readonly max: number } | null;
}

export interface SubnetState {
  readonly name: SubnetName;
  readonly cidr: string;
  readonly runtime: Workload["runtime"];
  readonly image: string | null;
  readonly status: ScaleStatus;
  readonly lastScaleUpTime: string | null;
  readonly scaledReplicas: number | null;
  /** How many are asked for now, and may be at least and at most. */
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  /** By metric, in the unit of the manifest; null when the count does not follow load. */
  readonly thresholds: Readonly<Record<string, { readonly min: number; readonly max: number }>> | null;
  readonly cooldownSeconds: number | null;
  readonly service: Service | null;
  /** By metric, in the unit of the thresholds; null when it is not known. */
  readonly load: Readonly<Record<string, number>> | null;
  readonly replicas: readonly ReplicaState[];
}

export interface ReplicaState {
  readonly name: ReplicaName;
  /** What stands in the slot of that name: two while one replaces the other. */
  readonly incarnation: string;
  readonly hypervisor: HypervisorName;
  /** On its subnet. */
  readonly address: string;
  readonly managementAddress: string;
  readonly runtime: Workload["runtime"];
  /** `unknown` when its hypervisor was not seen. */
  readonly phase: ReplicaObject["status"]["phase"] | "unknown";
  readonly ready: "yes" | "no" | "unknown";
  /** Whether it is beyond the subnet's minimum. */
  readonly scaled: boolean;
  /** 1 for the first that was added, which goes last; 0 for those that stay. */
  readonly scaleOrder: number;
}

/**
 * The state of every tenant that a document describes, by name. Pure.
 * @param now milliseconds since the epoch
 */
export const statesOf = (view: FleetView, now: number): TenantState[] =>
  view.tenants
    .toSorted((a, b) => byName(a.metadata, b.metadata))
    .map((tenant) => stateOf(tenant, view, timestamp(now)));

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

function stateOf(tenant: TenantObject, view: FleetView, time: string): TenantState {
  const { name } = tenant.metadata;
  const isComplete = !view.incomplete.has(name);
  const replicas = view.replicas.filter(({ metadata }) => metadata.namespace === name);
  const subnets = view.subnets
    .filter(({ metadata }) => metadata.namespace === name)
    .toSorted((a, b) => byName(a.metadata, b.metadata))
    .map((subnet) => subnetState(subnet, replicas, isComplete));
  const scaled = subnets.reduce((sum, { scaledReplicas }) => sum + (scaledReplicas ?? 0), 0);
  const times = subnets.flatMap(({ lastScaleUpTime }) => lastScaleUpTime ?? []);
  return {
    apiVersion: "evenkeel.dev/v1alpha1",
    kind: "TenantState",
    metadata: { name },
    time,
    status: statusOf(scaled, isComplete),
    lastScaleUpTime: times.toSorted().at(-1) ?? null,
    scaledReplicas: isComplete ? scaled : null,
    hypervisors: hypervisorsOf(tenant, replicas, view.hypervisors),
    subnets,
  };
}

const statusOf = (scaled: number, isComplete: boolean): ScaleStatus =>
  isComplete ? (scaled > 0 ? "scaledup" : "idle") : "unknown";

/** Home first, then the standbys as they are tried, then what only holds something still. */
function hypervisorsOf(
  { spec }: TenantObject,
  replicas: readonly ReplicaObject[],
  described: readonly HypervisorObject[],
): HypervisorState[] {
  const named = [spec.primary, ...spec.standby.map(({ name }) => name)];
  const former = replicas.map(({ spec: { hypervisor } }) => hypervisor).filter((one) => !named.includes(one));
  return [...new Set([...named, ...former.toSorted()])].map((name) => {
    const object = described.find(({ metadata }) => metadata.name === name);
    return {
      name,
      address: object?.spec.underlay.address ?? null,
      role: name === spec.primary ? "primary" : named.includes(name) ? "standby" : "former",
      seen: object?.status.replicas !== undefined,
      load: object ? { min: object.spec.load.min, max: object.spec.load.max } : null,
    };
  });
}

function subnetState(
  { metadata: { name }, spec, status }: SubnetObject,
  all: readonly ReplicaObject[],
  isComplete: boolean,
): SubnetState {
  const { workload, replicas: bounds, autoscale } = spec;
  const replicas = all
    .filter((one) => one.spec.subnet === name)
    .map((one) => replicaState(one, bounds.min, workload.runtime))
    .toSorted(
      (a, b) => a.scaleOrder - b.scaleOrder || byOrdinal(a, b) || (a.incarnation < b.incarnation ? -1 : 1),
    );
  const scaled = new Set(replicas.flatMap((one) => (one.scaled ? [one.name] : []))).size;
  return {
    name,
    cidr: spec.cidr,
    runtime: workload.runtime,
    image: workload.image ?? null,
    status: statusOf(scaled, isComplete),
    lastScaleUpTime: status.lastScaleOutTime ?? null,
    scaledReplicas: isComplete ? scaled : null,
    desired: status.desiredReplicas,
    ...bounds,
    thresholds: autoscale?.thresholds ?? null,
    cooldownSeconds: autoscale?.cooldownSeconds ?? null,
    service: spec.service ?? null,
    load: status.load ?? null,
    replicas,
  };
}

const READY = { True: "yes", False: "no", Unknown: "unknown" } as const;

function replicaState(
  { metadata, spec, status }: ReplicaObject,
  min: number,
  runtime: Workload["runtime"],
): ReplicaState {
  const ready = READY[status.conditions[0]?.status ?? "Unknown"];
  const order = Math.max(ordinalOf(metadata) - min, 0);
  return {
    name: metadata.name,
    incarnation: status.incarnation,
    hypervisor: spec.hypervisor,
    address: status.address,
    managementAddress: status.managementAddress,
    runtime,
    phase: ready === "unknown" ? "unknown" : status.phase,
    ready,
    scaled: order > 0,
    scaleOrder: order,
  };
}

/** `3` of `web-3`. */
const ordinalOf = ({ name }: { readonly name: ReplicaName }): number => Number(/\d+$/.exec(name)?.[0]);

const byOrdinal = (a: ReplicaState, b: ReplicaState): number => ordinalOf(a) - ordinalOf(b);

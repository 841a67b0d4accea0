import type { FleetName, HypervisorName, ReplicaName, SubnetName, TenantName } from "../api/names.ts";
import { MANAGEMENT } from "../replicas/memory.ts";
import { summaryOf } from "./conditions.ts";
import type { HypervisorObject, ReplicaObject, SubnetObject, TenantObject } from "./objects.ts";
import type { FleetView, TenantNetworks } from "./view.ts";

/** Who stands where, and what connects it: what every drawing of a fleet is made from. */
export interface FleetGraph {
  readonly fleet: FleetName;
  readonly hypervisors: readonly HypervisorNode[];
  readonly tenants: readonly TenantNode[];
}

export interface HypervisorNode {
  readonly name: HypervisorName;
  /** In the underlay; not there when no document describes it. */
  readonly address?: string;
  /** As `get` shows it. */
  readonly status: string;
}

export interface TenantNode {
  readonly name: TenantName;
  /** Where anything of it stands or may stand, in the order of the fleet's. */
  readonly hypervisors: readonly HypervisorName[];
  readonly gateway?: GatewayNode;
  readonly services: readonly ServiceNode[];
  readonly management?: SegmentNode;
  readonly subnets: readonly SubnetNode[];
}

export interface GatewayNode {
  readonly hypervisor: HypervisorName;
  /** It stands there, and is not only to come. */
  readonly placed: boolean;
}

/** An address at which the gateway answers for a subnet. */
export interface ServiceNode {
  readonly address: string;
  /** `80/TCP`. */
  readonly ports: readonly string[];
  readonly subnet: SubnetName;
}

interface SegmentNode {
  readonly cidr?: string;
  /** Not there until the segment is first made. */
  readonly vxlanId?: number;
}

export interface SubnetNode extends SegmentNode {
  readonly name: string;
  /** Not there when no document describes it any more. */
  readonly ready?: number;
  readonly desired?: number;
  readonly replicas: readonly ReplicaNode[];
}

export interface ReplicaNode {
  readonly name: ReplicaName;
  readonly hypervisor: HypervisorName;
  readonly address: string;
  readonly phase: ReplicaObject["status"]["phase"];
  /** Whether it serves, as it was seen now. */
  readonly ready: "True" | "False" | "Unknown";
}

/** A fleet as a graph. `tenant`: only this one, and the hypervisors that it uses. Pure. */
export function graphOf(view: FleetView, fleet: FleetName, tenant?: string): FleetGraph {
  const described = view.hypervisors.map(hypervisorNode);
  const used = view.replicas.map(({ spec }) => spec.hypervisor);
  const unknown = [...new Set(used)].filter((name) => described.every((one) => one.name !== name));
  const all = [...described, ...unknown.map((name) => ({ name, status: "Unknown" }))];
  const tenants = view.networks
    .filter((one) => tenant === undefined || one.tenant === tenant)
    .map((networks) => tenantNode(networks, view, all));
  const isShown = ({ name }: HypervisorNode): boolean =>
    tenant === undefined || tenants.some(({ hypervisors }) => hypervisors.includes(name));
  return { fleet, hypervisors: all.filter(isShown), tenants };
}

function hypervisorNode({ metadata, spec, status }: HypervisorObject): HypervisorNode {
  const summary = summaryOf(status.conditions).status;
  return {
    name: metadata.name,
    address: spec.underlay.address,
    status: spec.unschedulable ? `${summary},Cordoned` : summary,
  };
}

function tenantNode(
  { tenant: name, gateway, segments }: TenantNetworks,
  view: FleetView,
  all: readonly HypervisorNode[],
): TenantNode {
  const document = view.tenants.find(({ metadata }) => metadata.name === name);
  const subnets = view.subnets.filter(({ metadata }) => metadata.namespace === name);
  const replicas = view.replicas.filter(({ metadata }) => metadata.namespace === name);
  const home = gateway ?? document?.spec.primary;
  const names = new Set<string>([
    ...subnets.map(({ metadata }) => metadata.name),
    ...Object.keys(segments).filter((one) => one !== MANAGEMENT),
    ...replicas.map(({ spec }) => spec.subnet),
  ]);
  const management = segments[MANAGEMENT] ?? document?.spec.managementNetwork;
  const places = new Set([home, ...placesOf(document), ...replicas.map(({ spec }) => spec.hypervisor)]);
  return {
    name,
    hypervisors: all.flatMap((one) => (places.has(one.name) ? [one.name] : [])),
    ...(home !== undefined && { gateway: { hypervisor: home, placed: gateway !== undefined } }),
    services: subnets.flatMap(serviceNode),
    ...(management && { management: segmentNode(management) }),
    subnets: [...names].toSorted().map((one) => ({
      name: one,
      ...segmentNode(segments[one] ?? subnets.find(({ metadata }) => metadata.name === one)?.spec ?? {}),
      ...countsOf(subnets.find(({ metadata }) => metadata.name === one)),
      replicas: replicas.filter(({ spec }) => spec.subnet === one).map(replicaNode),
    })),
  };
}

const placesOf = (tenant: TenantObject | undefined): readonly HypervisorName[] =>
  tenant ? [tenant.spec.primary, ...tenant.spec.standby.map(({ name }) => name)] : [];

const segmentNode = ({ cidr, vxlanId }: SegmentNode): SegmentNode => ({
  ...(cidr !== undefined && { cidr }),
  ...(vxlanId !== undefined && { vxlanId }),
});

const countsOf = (subnet: SubnetObject | undefined): Pick<SubnetNode, "ready" | "desired"> =>
  subnet ? { ready: subnet.status.readyReplicas, desired: subnet.status.desiredReplicas } : {};

const serviceNode = ({ metadata, spec: { service } }: SubnetObject): ServiceNode[] =>
  service
    ? [
        {
          address: service.address,
          ports: service.ports.map(({ port, protocol }) => `${port}/${protocol}`),
          subnet: metadata.name,
        },
      ]
    : [];

const replicaNode = ({ metadata, spec, status }: ReplicaObject): ReplicaNode => ({
  name: metadata.name,
  hypervisor: spec.hypervisor,
  address: status.address,
  phase: status.phase,
  ready: status.conditions[0]?.status ?? "Unknown",
});

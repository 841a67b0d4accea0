import type { HypervisorNode, ReplicaNode, ServiceNode, SubnetNode, TenantNode } from "../status/graph.ts";

/** What each node of a drawing says, the same in every format: parts that a printer sets beside or below each other. */
type Label = readonly string[];

export const hypervisorLabel = ({ name, address, status }: HypervisorNode): Label => [
  `hypervisor ${name}`,
  ...(address === undefined ? [] : [address]),
  status,
];

export const tenantLabel = ({ name }: TenantNode): Label => [`tenant ${name}`];

/** The gateway itself; its services stand beside it. */
export const gatewayLabel = ({ gateway }: TenantNode): Label =>
  gateway ? [gateway.placed ? "gateway" : "gateway to come"] : [];

export const serviceLabel = ({ address, ports, subnet }: ServiceNode): Label => [
  address,
  `${ports.join(", ")} → ${subnet}`,
];

export const managementLabel = ({ management }: TenantNode): Label =>
  management ? ["management", ...segmentParts(management)] : [];

export const subnetLabel = (subnet: SubnetNode): Label => [
  `subnet ${subnet.name}`,
  ...segmentParts(subnet),
  subnet.ready === undefined ? "no document" : `${subnet.ready} of ${subnet.desired} ready`,
];

const segmentParts = ({ cidr, vxlanId }: Pick<SubnetNode, "cidr" | "vxlanId">): Label => [
  ...(cidr === undefined ? [] : [cidr]),
  vxlanId === undefined ? "no VXLAN yet" : `VXLAN ${vxlanId}`,
];

/** A replica without where it stands, which a picture shows by itself. */
export const replicaLabel = ({ name, address, phase, ready }: ReplicaNode): Label => [
  name,
  address,
  phase + (phase !== "serving" || ready === "True" ? "" : ready === "False" ? ", not ready" : ", not seen"),
];

import type { HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { Revision } from "../manifests/revision.ts";

/** Whom the demo is about. */
export interface Scene {
  readonly tenant: TenantName;
  readonly subnet: SubnetName;
  readonly min: number;
  readonly max: number;
  /** Where clients come in, `198.18.100.10:80`. */
  readonly service: string;
  /** The hypervisor that is unplugged. */
  readonly standby: HypervisorName;
}

/** The first tenant, its first subnet, which must have a service, and its first standby. */
export function sceneOf({ tenants }: Revision): Scene {
  const [first] = tenants.values();
  const [subnet] = first?.subnets.values() ?? [];
  const [standby] = first?.tenant?.spec.standby ?? [];
  const { service, replicas } = subnet?.spec ?? {};
  const [port] = service?.ports ?? [];
  if (!first || !subnet || !standby || !replicas || !service || !port)
    throw new RangeError("the demo's manifests have no tenant with a standby and a served subnet");
  return {
    tenant: first.name,
    subnet: subnet.metadata.name,
    min: replicas.min,
    max: replicas.max,
    service: `${service.address}:${port.port}`,
    standby: standby.name,
  };
}

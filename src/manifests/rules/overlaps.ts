import type { Finding, Rule } from "./rule.ts";
import { clash, hosts, ownAddresses, RESERVED, services, take, type Taken } from "./taken.ts";

const CIDR = ["spec", "cidr"];
const MANAGEMENT = ["spec", "managementNetwork", "cidr"];

const TENANT_READS = [
  "spec.primary",
  "spec.standby",
  "spec.serviceAddresses",
  "spec.managementNetwork",
  "spec.bastion",
];
const HYPERVISOR_READS = ["spec.underlay", "spec.uplink"];

/** A subnet's network keeps clear of all else that its tenant can meet. */
const subnetOverlaps: Rule = {
  reads: { Subnet: ["spec.cidr"], Tenant: TENANT_READS, Hypervisor: HYPERVISOR_READS },
  check: (view) =>
    [...new Set(view.subnets.map(({ object }) => object.metadata.namespace))].flatMap((name) => {
      const tenant = view.tenant(name);
      const around = tenant
        ? [
            ...take(
              tenant,
              MANAGEMENT,
              tenant.object.spec.managementNetwork.cidr,
              `management network of tenant ${name}`,
            ),
            ...services(tenant),
            ...hosts(tenant.object, view),
          ]
        : [];
      const earlier: Taken[] = [];
      return view.subnetsOf(name).flatMap((subnet) => {
        const { cidr } = subnet.object.spec;
        const found = clash(subnet, CIDR, cidr, [...RESERVED, ...earlier, ...around]);
        earlier.push(...take(subnet, CIDR, cidr, subnet.label));
        return found;
      });
    }),
};

/** So does its management network. */
const managementOverlaps: Rule = {
  reads: { Tenant: TENANT_READS, Hypervisor: HYPERVISOR_READS },
  check: (view) =>
    view.tenants.flatMap((tenant) =>
      clash(tenant, MANAGEMENT, tenant.object.spec.managementNetwork.cidr, [
        ...RESERVED,
        ...services(tenant),
        ...hosts(tenant.object, view),
      ]),
    ),
};

/** Service addresses belong to one tenant alone, and never to a hypervisor or its router. */
const serviceOverlaps: Rule = {
  reads: { Tenant: ["spec.serviceAddresses", "spec.bastion"], Hypervisor: HYPERVISOR_READS },
  check: (view) => {
    const taken = [...RESERVED, ...view.hypervisors.flatMap(ownAddresses)];
    return view.tenants.flatMap((tenant) => {
      const seen = new Set<string>();
      return services(tenant).flatMap((range): readonly Finding[] => {
        // The same range twice is told as a repeated item.
        if (range.by === undefined || seen.has(range.network)) return [];
        const found = clash(tenant, range.by.path, range.network, taken);
        seen.add(range.network);
        taken.push(range);
        return found;
      });
    });
  },
};

/** Networks that must be apart. */
export const OVERLAP_RULES: readonly Rule[] = [subnetOverlaps, managementOverlaps, serviceOverlaps];

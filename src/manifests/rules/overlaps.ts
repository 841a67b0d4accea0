import { type Cidr, host } from "../../api/addresses.ts";
import type { Path } from "../path.ts";
import type { Finding, Rule } from "./rule.ts";
import { clash, hosts, ownAddresses, RESERVED, services, type Taken } from "./taken.ts";

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
    view.subnets.flatMap(({ key, object }) => {
      const tenant = view.tenant(object.metadata.namespace);
      const siblings = view.subnetsOf(object.metadata.namespace);
      const earlier = siblings.slice(
        0,
        siblings.findIndex((sibling) => sibling.key === key),
      );
      const own: readonly Taken[] = earlier.map((other) => ({
        network: other.object.spec.cidr,
        what: `${other.label}, ${other.cite(CIDR)}`,
      }));
      const managed: readonly Taken[] = tenant
        ? [
            {
              network: tenant.object.spec.managementNetwork.cidr,
              what: `management network of tenant ${tenant.object.metadata.name}, ${tenant.cite(MANAGEMENT)}`,
            },
            ...services(tenant),
            ...hosts(tenant.object, view),
          ]
        : [];
      return clash(object.spec.cidr, CIDR, [...RESERVED, ...own, ...managed]).map(
        (fault): Finding => ({
          ...fault,
          about: key,
          related: [...earlier.map((other) => other.key), ...(tenant ? [tenant.key] : [])],
        }),
      );
    }),
};

/** So does its management network. */
const managementOverlaps: Rule = {
  reads: { Tenant: TENANT_READS, Hypervisor: HYPERVISOR_READS },
  check: (view) =>
    view.tenants.flatMap((tenant) =>
      clash(tenant.object.spec.managementNetwork.cidr, MANAGEMENT, [
        ...RESERVED,
        ...services(tenant),
        ...hosts(tenant.object, view),
      ]).map((fault): Finding => ({ ...fault, about: tenant.key })),
    ),
};

/** Service addresses belong to one tenant alone, and never to a hypervisor or its router. */
const serviceOverlaps: Rule = {
  reads: { Tenant: ["spec.serviceAddresses", "spec.bastion"], Hypervisor: HYPERVISOR_READS },
  check: (view) => {
    const reserved = [...RESERVED, ...view.hypervisors.flatMap(ownAddresses)];
    return view.tenants.flatMap((tenant, place) => {
      const { serviceAddresses, bastion } = tenant.object.spec;
      const own = services(tenant);
      const others = view.tenants.slice(0, place).flatMap(services);
      const wanted = serviceAddresses.map(
        (network, index): { network: Cidr; path: Path; before: readonly Taken[] } => ({
          network,
          path: ["spec", "serviceAddresses", index],
          // What stands there twice is told as such.
          before: own.slice(0, index).filter((range) => range.network !== network),
        }),
      );
      if (bastion)
        wanted.push({ network: host(bastion.address), path: ["spec", "bastion", "address"], before: [] });
      return wanted.flatMap(({ network, path, before }) => {
        const taken = [...reserved, ...others, ...before];
        const related = taken.flatMap(({ owner }) => owner ?? []);
        return clash(network, path, taken).map(
          (fault): Finding => ({ ...fault, about: tenant.key, related }),
        );
      });
    });
  },
};

/** Networks that must be apart. */
export const OVERLAP_RULES: readonly Rule[] = [subnetOverlaps, managementOverlaps, serviceOverlaps];

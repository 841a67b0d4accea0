import { contains, type Ipv4 } from "../../api/addresses.ts";
import type { Tenant } from "../../api/kinds.gen.ts";
import { show } from "../sentences.ts";
import type { Finding, Rule, Subject } from "./rule.ts";

const ADDRESS = ["spec", "service", "address"];

const grants = ({ object }: Subject<Tenant>, address: Ipv4): boolean =>
  object.spec.serviceAddresses.some((range) => contains(range, address));

/** A service's address is one that the provider granted its tenant. */
const granted: Rule = {
  reads: { Subnet: ["spec.service.address"], Tenant: ["spec.serviceAddresses"] },
  check: (view) =>
    view.subnets.flatMap(({ key, object: { spec, metadata } }): readonly Finding[] => {
      const tenant = view.tenant(metadata.namespace);
      const address = spec.service?.address;
      if (!address || !tenant || grants(tenant, address)) return [];
      const ranges = tenant.object.spec.serviceAddresses;
      const where = tenant.cite(["spec", "serviceAddresses"]);
      const owner = view.tenants.find((other) => grants(other, address));
      const found = `found ${show(address)}${owner ? ", which is another tenant's" : ""}`;
      const must =
        ranges.length === 0
          ? `must be one of the serviceAddresses of tenant ${metadata.namespace}, which has none (${where})`
          : `must be one of the serviceAddresses of tenant ${metadata.namespace}, ${ranges.join(", ")} (${where})`;
      return [
        {
          code: "EK-ADDRESS",
          path: ADDRESS,
          message: `${must}; ${found}`,
          about: key,
          related: [tenant.key],
        },
      ];
    }),
};

/** No two services of a tenant answer on the same address, port and protocol. */
const unique: Rule = {
  reads: { Subnet: ["spec.service"] },
  check: (view) => {
    const taken = new Map<
      string,
      { readonly subnet: (typeof view.subnets)[number]; readonly where: string }
    >();
    const findings: Finding[] = [];
    for (const subnet of view.subnets) {
      const { service } = subnet.object.spec;
      for (const [index, { port, protocol }] of (service?.ports ?? []).entries()) {
        const path = ["spec", "service", "ports", index, "port"];
        const name = `${service?.address}:${port}/${protocol}`;
        const identity = `${subnet.object.metadata.namespace} ${name}`;
        const other = taken.get(identity);
        if (!other) taken.set(identity, { subnet, where: subnet.cite(path) });
        else if (other.subnet.key !== subnet.key) {
          const message = `must be open once on an address, found ${name} also in ${other.subnet.label} (${other.where})`;
          findings.push({
            code: "EK-DUPLICATE",
            path,
            message,
            about: subnet.key,
            related: [other.subnet.key],
          });
        }
      }
    }
    return findings;
  },
};

/** Addresses of services. */
export const SERVICE_RULES: readonly Rule[] = [granted, unique];

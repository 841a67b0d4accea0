import type { Subnet, Tenant } from "../../api/kinds.gen.ts";
import type { Path } from "../path.ts";
import type { Finding, Rule, Subject } from "./rule.ts";

/** A quota of the tenant, and where it stands. */
const quotaOf = (tenant: Subject<Tenant>, field: "subnets" | "replicas"): { most: number; text: string } => ({
  most: tenant.object.spec.quota[field],
  text: `the quota of tenant ${tenant.object.metadata.name} (${tenant.cite(["spec", "quota", field])})`,
});

const finding = (subnet: Subject<Subnet>, tenant: Subject<Tenant>, path: Path, message: string): Finding => ({
  code: "EK-QUOTA",
  path,
  message,
  about: subnet.key,
  related: [tenant.key],
});

/** A tenant has no more subnets than its quota; those last by name are too many. */
const subnets: Rule = {
  reads: { Tenant: ["spec.quota"] },
  check: (view) =>
    view.tenants.flatMap((tenant) => {
      const { most, text } = quotaOf(tenant, "subnets");
      const all = view.subnetsOf(tenant.object.metadata.name);
      const message = `must be one of at most ${most} subnets, ${text}; found ${all.length}`;
      // guard: tenant boundary
      return all.slice(most).map((subnet) => finding(subnet, tenant, ["metadata", "name"], message));
    }),
};

/** No subnet's max is above the quota of replicas, nor is the sum of all min. */
const replicas: Rule = {
  reads: { Subnet: ["spec.replicas"], Tenant: ["spec.quota"] },
  check: (view) =>
    view.tenants.flatMap((tenant) => {
      const { most, text } = quotaOf(tenant, "replicas");
      let sum = 0;
      return view.subnetsOf(tenant.object.metadata.name).flatMap((subnet) => {
        const { min, max } = subnet.object.spec.replicas;
        const before = sum;
        sum += min;
        const left = Math.max(most - before, 0);
        const sharing = before > 0 ? ` less the ${before} of its other subnets` : "";
        return [
          // guard: tenant boundary
          ...(max > most
            ? [
                finding(
                  subnet,
                  tenant,
                  ["spec", "replicas", "max"],
                  `must be at most ${most}, ${text}; found ${max}`,
                ),
              ]
            : []),
          // guard: tenant boundary
          ...(sum > most && min > 0
            ? [
                finding(
                  subnet,
                  tenant,
                  ["spec", "replicas", "min"],
                  `must be at most ${left}, ${text}${sharing}; found ${min}`,
                ),
              ]
            : []),
        ];
      });
    }),
};

/** What a provider grants. */
export const QUOTA_RULES: readonly Rule[] = [subnets, replicas];

import type { HypervisorName } from "../../api/names.ts";
import { didYouMean } from "../nearest.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import { type Finding, type Rule, tenantRule } from "./rule.ts";

/** Primary and standby name hypervisors that there are. */
const hypervisorsExist: Rule = {
  reads: { Tenant: ["spec.primary", "spec.standby"] },
  check: (view) => {
    // A file that cannot be read may declare the hypervisor.
    if (!view.complete) return [];
    const known = view.declared("Hypervisor");
    return view.tenants.flatMap(({ key, object: { spec } }) => {
      const named: readonly { readonly name: HypervisorName; readonly path: Path }[] = [
        { name: spec.primary, path: ["spec", "primary"] },
        ...spec.standby.map(({ name }, index) => ({ name, path: ["spec", "standby", index, "name"] })),
      ];
      return named
        .filter(({ name }) => !known.includes(name))
        .map(({ name, path }): Finding => {
          const message = `must be a hypervisor that is declared (${known.join(", ") || "none"}), found ${show(name)}`;
          return { code: "EK-REFERENCE", path, message, suggestion: didYouMean(name, known), about: key };
        });
    });
  },
};

/** Service addresses and the bastion's are announced on the primary's uplink, so it must have one. */
const uplinkExists: Rule = {
  reads: {
    Tenant: ["spec.primary", "spec.serviceAddresses", "spec.bastion"],
    Hypervisor: ["spec.uplink"],
  },
  check: (view) =>
    view.tenants.flatMap(({ key, object: { spec } }): readonly Finding[] => {
      const primary = view.hypervisor(spec.primary);
      const needs = [
        ...(spec.serviceAddresses.length > 0 ? ["serviceAddresses"] : []),
        ...(spec.bastion ? ["a bastion"] : []),
      ];
      if (needs.length === 0 || !primary || primary.object.spec.uplink) return [];
      const found = `found ${show(spec.primary)}, which has none (${primary.cite(["spec"])})`;
      const message = `must be a hypervisor with an uplink, because the tenant has ${needs.join(" and ")}; ${found}`;
      return [
        { code: "EK-REFERENCE", path: ["spec", "primary"], message, about: key, related: [primary.key] },
      ];
    }),
};

/** A subnet belongs to a tenant that there is. */
const tenantExists: Rule = {
  reads: {},
  check: (view) => {
    if (!view.complete) return [];
    const known = view.declared("Tenant");
    // guard: mass deletion
    const strays = view.subnets.filter(({ object }) => !known.includes(object.metadata.namespace));
    return strays.map(({ key, object: { metadata } }): Finding => {
      const message = `must be a tenant with a document in provider/, found ${show(metadata.namespace)}, which has none`;
      const meant = didYouMean(metadata.namespace, known);
      const suggestion = meant ?? "take the tenant's files away too, or bring its document back";
      return { code: "EK-REFERENCE", path: ["metadata", "namespace"], message, suggestion, about: key };
    });
  },
};

/** What tenants refer to. */
export const TENANT_RULES: readonly Rule[] = [
  hypervisorsExist,
  uplinkExists,
  tenantExists,
  tenantRule(["spec.primary", "spec.standby"], ({ spec }) =>
    spec.standby.flatMap(({ name }, index) =>
      name === spec.primary
        ? [
            {
              code: "EK-DUPLICATE",
              path: ["spec", "standby", index, "name"],
              message: `must be another hypervisor than primary, found ${show(name)} for both`,
            },
          ]
        : [],
    ),
  ),
  tenantRule(["spec.egress", "spec.serviceAddresses"], ({ spec }) =>
    spec.egress === "snat" && spec.serviceAddresses.length === 0
      ? [
          {
            code: "EK-REFERENCE",
            path: ["spec", "egress"],
            message: 'must be none for a tenant without serviceAddresses, found "snat", which needs one',
          },
        ]
      : [],
  ),
];

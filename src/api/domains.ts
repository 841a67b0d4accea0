import type { SubnetName, TenantName } from "./names.ts";

/** What all names inside a tenant's network end with; set aside for private use, so that nobody outside has one. */
export const TOP_DOMAIN = "internal";

/** `t2.internal`, or a subnet's `web.t2.internal`; a replica's name is its own with that, `web-3.web.t2.internal`. */
export const domainOf = (tenant: TenantName, subnet?: SubnetName): string =>
  [...(subnet === undefined ? [] : [subnet]), tenant, TOP_DOMAIN].join(".");

/** Where short names are looked for, in a replica of the subnet: `web-3` first, then `web`. */
export const searchDomains = (tenant: TenantName, subnet: SubnetName): readonly string[] => [
  domainOf(tenant, subnet),
  domainOf(tenant),
];

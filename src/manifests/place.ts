import type { KindName } from "../api/kinds.gen.ts";
import { isName, type TenantName, trusted } from "../api/names.ts";

/** Where in the tree a file lies, which decides what it may declare and whose it is. */
export type Place =
  | { readonly area: "provider" }
  | { readonly area: "tenant"; readonly tenant: TenantName }
  | { readonly area: "none"; readonly why: string };

/** The place of a file or folder by its path in the tree. */
export function placeOf(path: string): Place {
  const [top = "", folder = "", ...rest] = path.split("/");
  if (top === "provider" && folder !== "") return { area: "provider" };
  if (top === "tenants" && isName(folder) && !/\.ya?ml$/.test(folder)) {
    return { area: "tenant", tenant: trusted(folder) };
  }
  if (top === "tenants" && rest.length > 0) {
    return {
      area: "none",
      why: `the folder ${JSON.stringify(folder)} cannot be a tenant's name, a DNS label of at most 32 characters`,
    };
  }
  return { area: "none", why: "must lie in provider/ or in tenants/TENANT/" };
}

/** Where documents of a kind belong. */
export const HOME: Readonly<Record<KindName, string>> = {
  Hypervisor: "provider/",
  Tenant: "provider/",
  Subnet: "tenants/TENANT/",
};

/** Whether documents of the kind belong in such a place. */
export const belongs = (kind: KindName, place: Place): boolean =>
  kind === "Subnet" ? place.area === "tenant" : place.area === "provider";

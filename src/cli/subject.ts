import { EvenkeelError } from "../api/errors.ts";
import { type HypervisorName, isName, type SubnetName, type TenantName, trusted } from "../api/names.ts";
import { parseWishes } from "./select.ts";
import { parseTarget } from "./target.ts";

/** Reads `subnet/web` of the tenant given beside it. */
export function parseSubnet(
  word: string,
  namespace: string | undefined,
): { readonly tenant: TenantName; readonly subnet: SubnetName } {
  const { tenant, subnet } = parseTarget(word, namespace);
  if (subnet !== undefined) return { tenant, subnet };
  throw new EvenkeelError("EK-USAGE", `${word} is a tenant, and subnets are paused one by one`, {
    fix: "name it as subnet/web -n t2",
  });
}

/** Reads `hypervisor/hv1`. */
export function parseHypervisor(word: string): HypervisorName {
  const [wish] = word.includes("/") ? parseWishes([word]) : [];
  if (wish?.kind === "hypervisors" && wish.name !== undefined && isName(wish.name)) return trusted(wish.name);
  throw new EvenkeelError("EK-USAGE", `${JSON.stringify(word)} names no hypervisor`, {
    fix: "name it as hypervisor/hv1",
  });
}

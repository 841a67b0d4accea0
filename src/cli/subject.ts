import type { DocumentKey } from "../api/documents.ts";
import { EvenkeelError } from "../api/errors.ts";
import type { KindName } from "../api/kinds.gen.ts";
import { type HypervisorName, isName, type SubnetName, type TenantName, trusted } from "../api/names.ts";
import { parseWishes } from "./select.ts";
import { parseTarget, titleOf } from "./target.ts";

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

/** An object that a document declares. */
export interface Declared {
  readonly kind: KindName;
  readonly key: DocumentKey;
  /** `hv1`, `t2`, `t2/web`. */
  readonly title: string;
}

/** Reads `hypervisor/hv1`, `tenant/t2`, or `subnet/web` of the tenant given beside it. */
export function parseDeclared(word: string, namespace: string | undefined): Declared {
  const [wish] = word.includes("/") ? parseWishes([word]) : [];
  if (wish?.kind === "hypervisors") {
    const name = parseHypervisor(word);
    return { kind: "Hypervisor", key: `Hypervisor//${name}`, title: name };
  }
  const target = parseTarget(word, namespace);
  const { tenant, subnet } = target;
  return subnet === undefined
    ? { kind: "Tenant", key: `Tenant//${tenant}`, title: tenant }
    : { kind: "Subnet", key: `Subnet/${tenant}/${subnet}`, title: titleOf(target) };
}

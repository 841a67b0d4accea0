import { EvenkeelError } from "../api/errors.ts";
import { isName, trusted } from "../api/names.ts";
import type { Revision } from "../manifests/revision.ts";
import type { Held } from "../replicas/instruction.ts";
import type { FleetMemory } from "../replicas/memory.ts";
import { parseWishes } from "./select.ts";

/** What `down` and `up` work on. */
export type Target = Held;

/** Reads `tenant/t2`, or `subnet/web` of the tenant given beside it. */
export function parseTarget(word: string, namespace: string | undefined): Target {
  const [wish] = word.includes("/") ? parseWishes([word]) : [];
  const fix = "name it as tenant/t2, or as subnet/web -n t2";
  const refuse = (message: string): EvenkeelError => new EvenkeelError("EK-USAGE", message, { fix });
  if (wish?.name === undefined || (wish.kind !== "tenants" && wish.kind !== "subnets"))
    throw refuse(`${JSON.stringify(word)} names no tenant and no subnet`);
  const tenant = wish.kind === "tenants" ? wish.name : namespace;
  if (tenant === undefined) throw refuse(`${word} is a subnet of a tenant that is not said`);
  if (!isName(tenant) || !isName(wish.name)) throw refuse(`${JSON.stringify(word)} is no name`);
  return { tenant: trusted(tenant), subnet: wish.kind === "subnets" ? trusted(wish.name) : undefined };
}

/** `t2`, `t2/web`. */
export const titleOf = ({ tenant, subnet }: Target): string =>
  subnet === undefined ? tenant : `${tenant}/${subnet}`;

/** `tenant/t2`, `subnet/web -n t2`: as it is given on the command line. */
export const argumentOf = ({ tenant, subnet }: Target): string =>
  subnet === undefined ? `tenant/${tenant}` : `subnet/${subnet} -n ${tenant}`;

/** Whether its files are there, as far as the tree could be read. */
export function isDescribed({ tenants }: Revision, { tenant, subnet }: Target): boolean {
  const manifests = tenants.get(tenant);
  return subnet === undefined ? manifests !== undefined : (manifests?.subnets.has(subnet) ?? false);
}

/** @throws EvenkeelError EK-NOT-FOUND when neither manifests nor memory know of it */
export function mustBeKnown(target: Target, revision: Revision, memory: FleetMemory): void {
  const { tenant, subnet } = target;
  const remembered = memory.tenants[tenant];
  const isRemembered =
    subnet === undefined ? remembered !== undefined : remembered?.segments[subnet] !== undefined;
  if (isRemembered || isDescribed(revision, target)) return;
  throw new EvenkeelError("EK-NOT-FOUND", `fleet ${revision.fleet} has no ${argumentOf(target)}`, {
    fix: "reconcile get tenants,subnets",
  });
}

export function isHeldDown({ tenants }: FleetMemory, { tenant, subnet }: Target): boolean {
  const memory = tenants[tenant];
  return (subnet === undefined ? memory?.down : memory?.downSubnets?.includes(subnet)) ?? false;
}

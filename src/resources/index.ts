import type { FleetName, TenantName } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";
import { bastion } from "./bastion.ts";
import { bridge } from "./bridge.ts";
import { collector } from "./collector.ts";
import { container } from "./container.ts";
import { domain } from "./domain.ts";
import { filter } from "./filter.ts";
import { forwarding } from "./forwarding.ts";
import { guardChain } from "./guard-chain.ts";
import { localPair } from "./local-pair.ts";
import { nat } from "./nat.ts";
import { neighbours } from "./neighbours.ts";
import { netns } from "./netns.ts";
import { portRules } from "./port-rules.ts";
import { port } from "./port.ts";
import { keyOf, type Kind, type Resource, type ResourceKey } from "./resource.ts";
import { resolver } from "./resolver.ts";
import { sysctls } from "./sysctls.ts";
import { uplink } from "./uplink.ts";
import { vxlan } from "./vxlan.ts";

/** Every kind there is, in the order in which a plan lists them and equal phases run. */
const KINDS: readonly Kind<unknown>[] = [
  netns,
  guardChain,
  sysctls,
  filter,
  bridge,
  vxlan,
  uplink,
  localPair,
  neighbours,
  forwarding,
  resolver,
  collector,
  container,
  bastion,
  domain,
  port,
  portRules,
  nat,
];

const byName = new Map(KINDS.map((kind, rank) => [kind.name, { kind, rank }]));

/** The kind of that name; a resource's kind is always registered. */
export function kindOf(name: string): Kind<unknown> {
  const found = byName.get(name);
  if (!found) throw new RangeError(`no resource kind is called ${name}`);
  return found.kind;
}

/** Place of a kind in {@link KINDS}. */
export const rankOf = (name: string): number => byName.get(name)?.rank ?? KINDS.length;

/** Resources by key. */
export type Resources = ReadonlyMap<ResourceKey, Resource>;

/** Everything on a hypervisor that carries the fleet's mark. */
export const observe = (facts: HostFacts, fleet: FleetName): Resource[] =>
  [...observeByTenant(facts, fleet).values()].flat();

/** One look serves all tenants, and is read once for them all. */
const read = new WeakMap<HostFacts, ReadonlyMap<TenantName, readonly Resource[]>>();

/** The same by tenant. */
export function observeByTenant(
  facts: HostFacts,
  fleet: FleetName,
): ReadonlyMap<TenantName, readonly Resource[]> {
  const known = read.get(facts);
  if (known) return known;
  const byTenant = new Map<TenantName, Resource[]>();
  for (const kind of KINDS)
    for (const resource of kind.observe(facts, fleet)) {
      const own = byTenant.get(resource.tenant);
      if (own) own.push(resource);
      else byTenant.set(resource.tenant, [resource]);
    }
  read.set(facts, byTenant);
  return byTenant;
}

export const byKey = (resources: readonly Resource[]): Resources =>
  new Map(resources.map((resource) => [keyOf(resource), resource]));

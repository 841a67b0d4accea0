import type { HostFacts, LinkFact, NamespaceFacts, TableFact } from "../../src/facts/facts.ts";
import { groupOf } from "../../src/resources/marks.ts";
import type { ScriptOperation } from "../../src/resources/operation.ts";
import { FLEET } from "../unit/scenario.ts";

/** The MACs that operations give, and that of a loopback. */
export const macsIn = (operations: readonly ScriptOperation[]): Set<string> =>
  new Set([
    "00:00:00:00:00:00",
    ...operations.flatMap(({ lines }) => lines.join(" ").match(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g) ?? []),
  ]);

/** What stands, in a form in which two hypervisors can be compared. */
export type Standing = Readonly<Record<string, unknown>>;

/** All of a look that has to be the same: not numbers, and not what the hypervisor has of its own. */
export function standing(
  { own, namespaces, resolvers, collectors }: HostFacts,
  given: ReadonlySet<string>,
): Standing {
  const ours = new Set(
    own.links.filter(({ group }) => group === String(groupOf(FLEET))).map(({ name }) => name),
  );
  const isOurs = ({ device }: { readonly device: string }): boolean => ours.has(device);
  return {
    own: {
      links: sorted(
        own.links.filter(({ name }) => ours.has(name)).map((link) => seen(link, own.links, given)),
      ),
      routes: sorted(own.routes.filter(isOurs)),
      neighbours: sorted(own.neighbours.filter(isOurs)),
      forwarding: sorted(own.forwarding.filter(isOurs)),
      ipv4: tables(own.ipv4),
    },
    collectors: Object.fromEntries(
      [...collectors].map(([tenant, one]) => [tenant, { ...one, failure: one.failure !== undefined }]),
    ),
    // Whether one could not be started is the same on both; what was said is not.
    resolvers: Object.fromEntries(
      [...resolvers].map(([tenant, one]) => [tenant, { ...one, failure: one.failure !== undefined }]),
    ),
    ...Object.fromEntries([...namespaces].map(([name, facts]) => [name, inside(facts, own.links, given)])),
  };
}

const inside = (
  { links, routes, neighbours, forwarding, ipv4, ipv6, bridge, sysctls }: NamespaceFacts,
  below: readonly LinkFact[],
  given: ReadonlySet<string>,
): object => ({
  links: sorted(links.map((link) => seen(link, below, given))),
  routes: sorted(routes),
  neighbours: sorted(neighbours),
  forwarding: sorted(forwarding),
  ipv4: tables(ipv4),
  ipv6: tables(ipv6),
  bridge: tables(bridge),
  sysctls,
});

const sorted = <T>(list: readonly T[]): T[] =>
  list
    .map((one) => [JSON.stringify(one), one] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, one]) => one);

/** Rules by chain: a save sorts chains, a table as it was written has them in another order. */
const tables = (all: Readonly<Record<string, TableFact>>): object =>
  Object.fromEntries(
    Object.entries(all).map(([name, { chains, rules }]) => [
      name,
      Object.fromEntries(
        Object.entries(chains).map(([chain, policy]) => [
          `${chain} ${policy}`,
          rules.filter((rule) => rule.startsWith(`-A ${chain} `)),
        ]),
      ),
    ]),
  );

/** A link that was given no MAC has one by chance. */
const seen = (link: LinkFact, own: readonly LinkFact[], given: ReadonlySet<string>): object => ({
  ...link,
  index: undefined,
  mac: given.has(link.mac) ? link.mac : "by chance",
  below: link.below === undefined ? undefined : own.find(({ index }) => index === link.below)?.name,
});

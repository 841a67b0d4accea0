import { trusted } from "../api/names.ts";
import type { Ipv4 } from "../api/addresses.ts";
import { macOf } from "../api/addresses.ts";
import type { NamespaceFacts } from "../facts/facts.ts";
import { groupOf, linkNames, namespaceOf, tenantOf } from "./marks.ts";
import { kind } from "./resource.ts";

/**
 * How a hypervisor that is also the controller's own machine reaches the services of its tenants: a macvlan cannot be
 * reached from its own host, so a routed veth pair without addresses does it, with permanent neighbours on both sides.
 */
export interface LocalPairState {
  readonly outside: string;
  /** The hypervisor's own address, the source of what it asks. */
  readonly hypervisorAddress: Ipv4;
  /** The services it reaches this way. */
  readonly services: readonly Ipv4[];
  /** Both ends. */
  readonly up: boolean;
}

/** What is reached by a device. A way is only whole with the neighbour at its end: neither end answers ARP. */
const ways = (
  { neighbours, routes }: Pick<NamespaceFacts, "routes" | "neighbours">,
  device: string,
): Ipv4[] =>
  neighbours
    .filter((neighbour) => neighbour.device === device)
    .map(({ address }) => address)
    .filter((address) => routes.some((one) => one.device === device && one.destination === address));

export const localPair = kind<LocalPairState>({
  name: "local-pair",

  *observe({ hypervisor, namespaces, own }, fleet) {
    for (const [namespace, { links, routes, neighbours }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      const inside = links.find(({ name }) => name === linkNames.localInside);
      if (!tenant || !inside) continue;
      const name = linkNames.localOutside(namespace);
      const [back] = ways({ routes, neighbours }, inside.name);
      yield {
        kind: "local-pair",
        hypervisor,
        tenant,
        name: tenant,
        state: {
          outside: name,
          hypervisorAddress: back ?? trusted<Ipv4>(""),
          services: ways(own, name),
          up: inside.up && own.links.some((link) => link.name === name && link.up),
        },
      };
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    const outside = linkNames.localOutside(namespace);
    const inside = linkNames.localInside;
    const remove = {
      phase: "withdraw",
      tool: "ip-inside",
      namespace,
      lines: [`link del ${inside}`],
    } as const;
    if (!desired)
      return (
        observed && {
          verb: "remove",
          reason: "the hypervisor is not local",
          disruption: "none",
          operations: [remove],
        }
      );
    const same =
      observed?.up === desired.up &&
      observed.hypervisorAddress === desired.hypervisorAddress &&
      desired.services.join() === observed.services.toSorted().join();
    const [first] = desired.services;
    if (same || !first) return undefined;
    const [outsideMac, insideMac] = [macOf(first, "04"), macOf(first, "05")];
    const group = groupOf(fleet);
    const create =
      `link add name ${outside} group ${group} address ${outsideMac} type veth` +
      ` peer name ${inside} group ${group} address ${insideMac} netns ${namespace}`;
    return {
      verb: observed ? "replace" : "add",
      reason: "the hypervisor itself reaches the tenant's services",
      disruption: "none",
      operations: [
        ...(observed ? [{ ...remove, phase: "settings" } as const] : []),
        { phase: "create", tool: "ip", lines: [create] },
        {
          phase: "configure",
          tool: "ip-inside",
          namespace,
          lines: [
            `link set ${inside} up`,
            `neigh replace ${desired.hypervisorAddress} lladdr ${outsideMac} dev ${inside} nud permanent`,
            `route replace ${desired.hypervisorAddress}/32 dev ${inside}`,
          ],
        },
        {
          phase: "configure",
          tool: "ip",
          lines: [
            `link set ${outside} up`,
            ...desired.services.flatMap((service) => [
              `neigh replace ${service} lladdr ${insideMac} dev ${outside} nud permanent`,
              `route replace ${service}/32 dev ${outside} src ${desired.hypervisorAddress}`,
            ]),
          ],
        },
      ],
    };
  },
});

import { namespaceOf, subnetOfAlias, tenantOf } from "./marks.ts";
import { type LinkState, linkDifference, readLink } from "./link.ts";
import { kind, type Resource } from "./resource.ts";

/** One segment's bridge. On the primary it carries the gateway's address, on a standby none. */
export type BridgeState = LinkState;

export const isBridge = (resource: Resource): resource is Resource<BridgeState> => resource.kind === "bridge";

export const bridge = kind<BridgeState>({
  name: "bridge",

  *observe({ hypervisor, namespaces }, fleet) {
    for (const [namespace, { links, routes }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (!tenant) continue;
      for (const link of links.filter(({ type }) => type === "bridge")) {
        const subnet = subnetOfAlias(link.alias);
        yield {
          kind: "bridge",
          hypervisor,
          tenant,
          ...(subnet && { subnet }),
          name: link.name,
          state: readLink(link, routes),
        };
      }
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    if (!desired)
      return (
        observed && {
          verb: "remove",
          reason: "its subnet is gone",
          disruption: "none",
          operations: [
            { phase: "withdraw", tool: "ip-inside", namespace, lines: [`link del ${observed.link}`] },
          ],
        }
      );
    const { lines, reasons } = linkDifference(desired, observed);
    if (lines.length === 0) return undefined;
    const create =
      `link add name ${desired.link} group ${desired.group} netns ${namespace}` +
      ` address ${desired.mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`;
    return {
      verb: observed ? "change" : "add",
      reason: observed ? reasons.join("; ") : "the subnet has no segment here",
      disruption: "none",
      // The kernel forgets a link's neighbours when its MAC changes, permanent ones too.
      ...(observed && observed.mac !== desired.mac && { loses: ["neighbours"] }),
      operations: [
        ...(observed ? [] : [{ phase: "create", tool: "ip", lines: [create] } as const]),
        {
          phase: "configure",
          tool: "ip-inside",
          namespace,
          // One that was not told its MTU after it was made takes another with each port that comes or goes.
          lines: observed ? lines : [`link set ${desired.link} mtu ${desired.mtu}`, ...lines],
        },
      ],
    };
  },
});

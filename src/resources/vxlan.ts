import type { Ipv4 } from "../api/addresses.ts";
import { deviceBelow, hangsElsewhere, type LinkState, linkDifference, readLink } from "./link.ts";
import { namespaceOf, subnetOfAlias, tenantOf } from "./marks.ts";
import { kind, type Resource } from "./resource.ts";

/** Joins a segment to its other parts. Made inside the namespace; its packets leave by the hypervisor's underlay. */
export interface VxlanState extends LinkState {
  readonly id: number;
  readonly local: Ipv4;
  /** The hypervisor's underlay device; undefined where it cannot be told. */
  readonly device?: string;
}

/** The port that IANA gave to VXLAN; Linux' own default is another one. */
export const VXLAN_PORT = 4789;

export const isVxlan = (resource: Resource): resource is Resource<VxlanState> => resource.kind === "vxlan";

const carried = ({ id, local, device }: VxlanState): string =>
  `${id} from ${local}${device === undefined ? "" : ` by ${device}`}`;

export const vxlan = kind<VxlanState>({
  name: "vxlan",

  *observe({ hypervisor, namespaces, own }, fleet) {
    for (const [namespace, { links }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (!tenant) continue;
      for (const link of links) {
        if (!link.vxlan) continue;
        const subnet = subnetOfAlias(link.alias);
        yield {
          kind: "vxlan",
          hypervisor,
          tenant,
          ...(subnet && { subnet }),
          name: link.name,
          state: {
            ...readLink(link),
            mac: undefined,
            id: link.vxlan.id,
            local: link.vxlan.local,
            ...deviceBelow(link, own.links),
          },
        };
      }
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    const remove = {
      phase: "withdraw",
      tool: "ip-inside",
      namespace,
      lines: [`link del ${observed?.link}`],
    } as const;
    if (!desired)
      return (
        observed && { verb: "remove", reason: "its subnet is gone", disruption: "none", operations: [remove] }
      );

    const moved =
      observed !== undefined &&
      (observed.id !== desired.id || observed.local !== desired.local || hangsElsewhere(desired, observed));
    const { lines, reasons } = linkDifference(desired, moved ? undefined : observed);
    if (lines.length === 0) return undefined;
    const create =
      `link add name ${desired.link} mtu ${desired.mtu} group ${desired.group} netns ${namespace}` +
      ` type vxlan id ${desired.id} local ${desired.local} dstport ${VXLAN_PORT} nolearning dev ${desired.device}`;
    return {
      verb: moved ? "replace" : observed ? "change" : "add",
      reason: moved
        ? `carries id ${carried(observed)}, must be ${carried(desired)}`
        : observed
          ? reasons.join("; ")
          : "joins the segment to its other parts",
      disruption: "none",
      ...((moved || !observed) && { loses: ["forwarding"] }),
      operations: [
        ...(moved ? [{ ...remove, phase: "settings" } as const] : []),
        ...(observed && !moved ? [] : [{ phase: "create", tool: "ip", lines: [create] } as const]),
        { phase: "configure", tool: "ip-inside", namespace, lines },
      ],
    };
  },
});

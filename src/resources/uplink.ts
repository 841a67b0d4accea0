import type { Ipv4, Mac } from "../api/addresses.ts";
import type { ForwardingFact, LinkFact } from "../facts/facts.ts";
import { deviceBelow, hangsElsewhere, type LinkState, linkDifference, readLink, setFlags } from "./link.ts";
import { linkNames, namespaceOf, tenantOf } from "./marks.ts";
import type { ScriptOperation } from "./operation.ts";
import { kind, type Resource } from "./resource.ts";

/**
 * The gateway's way out, with the tenant's service addresses on it. On a NIC it is a macvlan; on a bridge of the
 * hypervisor it is a veth port, because a macvlan on a bridge is deaf to NAT while `bridge-nf-call-iptables` is 1.
 */
export interface UplinkState extends LinkState {
  readonly mac: Mac | undefined;
  readonly gateway: Ipv4 | undefined;
  /** What it hangs on; undefined of an observed one where it cannot be told, and where that is a bridge. */
  readonly device?: string;
  /** The hypervisor's end, where it hangs on a bridge. */
  readonly port: UplinkPort | undefined;
}

export interface UplinkPort {
  readonly link: string;
  readonly bridge: string | undefined;
  readonly flags: Readonly<Record<string, boolean>>;
  readonly up: boolean;
  /** Whether the bridge has been told which address is behind the port. */
  readonly entry: boolean;
}

export const isUplink = (resource: Resource): resource is Resource<UplinkState> => resource.kind === "uplink";

export const uplink = kind<UplinkState>({
  name: "uplink",

  *observe({ hypervisor, namespaces, own }, fleet) {
    for (const [namespace, { links, routes }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      const link = links.find(({ name }) => name === linkNames.uplink);
      if (!tenant || !link) continue;
      const outside = own.links.find(({ name }) => name === linkNames.uplinkPort(namespace));
      yield {
        kind: "uplink",
        hypervisor,
        tenant,
        name: tenant,
        state: {
          ...readLink(link, routes),
          mac: link.mac,
          flags: {},
          ...deviceBelow(link, own.links),
          gateway: routes.find(({ destination, device }) => destination === "default" && device === link.name)
            ?.gateway,
          port: link.type === "veth" && outside ? readPort(outside, link.mac, own.forwarding) : undefined,
        },
      };
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    const remove: ScriptOperation = {
      phase: "withdraw",
      tool: "ip-inside",
      namespace,
      lines: [`link del ${linkNames.uplink}`],
    };
    if (!desired)
      return (
        observed && {
          verb: "remove",
          reason: "no service is reached through it any more",
          disruption: "none",
          operations: [remove],
        }
      );
    const moved =
      observed !== undefined &&
      ((observed.port === undefined) !== (desired.port === undefined) || hangsElsewhere(desired, observed));
    const current = moved ? undefined : observed;
    const { lines, reasons } = linkDifference(desired, current, { announce: true });
    // Raising a link that was down loses its routes, so the default route is written whenever it is missing or the link was.
    if (desired.gateway && (current?.gateway !== desired.gateway || !current.up)) {
      lines.push(`route replace default via ${desired.gateway} dev ${desired.link}`);
      reasons.push("no default route");
    }
    const port = desired.port ? portLines(desired.port, current?.port, desired) : { ip: [], bridge: [] };
    if (lines.length + port.ip.length + port.bridge.length === 0) return undefined;
    const outside: ScriptOperation[] = [
      ...(port.ip.length > 0 ? [{ phase: "configure", tool: "ip", lines: port.ip } as const] : []),
      ...(port.bridge.length > 0
        ? [{ phase: "configure", tool: "bridge", lines: port.bridge } as const]
        : []),
    ];
    return {
      verb: moved ? "replace" : observed ? "change" : "add",
      reason: moved
        ? `hangs on ${observed.device ?? (observed.port ? "a bridge" : "a NIC")}, must hang on ${desired.device}`
        : observed
          ? [...reasons, ...(port.ip.length > 0 ? ["its port on the bridge is not as written"] : [])].join(
              "; ",
            )
          : `${desired.addresses.map((address) => address.split("/")[0]).join(", ")} on ${desired.device}`,
      disruption: "none",
      operations: [
        ...(moved ? [{ ...remove, phase: "settings" } as const] : []),
        ...(current ? [] : [create(desired, namespace)]),
        { phase: "configure", tool: "ip-inside", namespace, lines },
        ...outside,
      ],
    };
  },
});

function create({ link, group, mac, mtu, device, port }: UplinkState, namespace: string): ScriptOperation {
  const line = port
    ? `link add name ${port.link} mtu ${mtu} group ${group} type veth peer name ${link} mtu ${mtu} group ${group} address ${mac} netns ${namespace}`
    : `link add link ${device} name ${link} group ${group} mtu ${mtu} netns ${namespace} address ${mac} type macvlan mode private`;
  return { phase: "create", tool: "ip", lines: [line] };
}

const readPort = (link: LinkFact, mac: string, entries: readonly ForwardingFact[]): UplinkPort => ({
  link: link.name,
  bridge: link.master,
  flags: link.flags,
  up: link.up,
  entry: entries.some((entry) => entry.device === link.name && entry.mac === mac && entry.table === "master"),
});

/** The hypervisor's own end: isolated from other tenants' ports, nothing learned, nothing flooded to it. */
function portLines(
  desired: UplinkPort,
  observed: UplinkPort | undefined,
  uplinkState: UplinkState,
): { ip: string[]; bridge: string[] } {
  const ip: string[] = [];
  const rejoin = observed?.bridge !== desired.bridge;
  if (rejoin) ip.push(`link set ${desired.link} master ${desired.bridge}`);
  if (rejoin || Object.entries(desired.flags).some(([flag, on]) => observed?.flags[flag] !== on))
    ip.push(...setFlags(desired.link, desired.flags));
  if (!observed?.up) ip.push(`link set ${desired.link} up`);
  const bridge =
    rejoin || !observed?.entry ? [`fdb replace ${uplinkState.mac} dev ${desired.link} master static`] : [];
  return { ip, bridge };
}

import { type Ipv4, type Mac, macOf } from "../api/addresses.ts";
import type { BridgeState } from "../resources/bridge.ts";
import type { ForwardingState } from "../resources/forwarding.ts";
import { aliasOf, groupOf, linkNames, standbyMac } from "../resources/marks.ts";
import type { NeighboursState } from "../resources/neighbours.ts";
import type { Resource } from "../resources/resource.ts";
import type { VxlanState } from "../resources/vxlan.ts";
import { bastionOf } from "./bastion.ts";
import { allOn, type Part, replicasOn, type Scope, type Segment, within } from "./input.ts";

/** A segment's part on one hypervisor: its bridge, what joins it to the others, who is where. */
export function segment(scope: Scope, part: Part, of: Segment): Resource[] {
  const place = { hypervisor: part.name, tenant: scope.name, ...(of.subnet && { subnet: of.subnet }) };
  const [bridge, vxlan] = [linkNames.bridge(of.subnet), linkNames.vxlan(of.subnet)];
  const joined = scope.parts.length > 1;
  return [
    { ...place, kind: "bridge", name: bridge, state: bridgeState(scope, part, of) },
    { ...place, kind: "neighbours", name: bridge, state: neighbourState(scope, part, of) },
    ...(joined
      ? [
          { ...place, kind: "vxlan", name: vxlan, state: vxlanState(scope, part, of) },
          { ...place, kind: "forwarding", name: vxlan, state: forwardingState(scope, part, of) },
        ]
      : []),
  ];
}

/** An explicit address, else a bridge takes its lowest port's, and changes it as ports come and go. */
const bridgeMac = ({ isPrimary, name }: Part, { subnet, gateway }: Segment): Mac =>
  isPrimary ? macOf(gateway) : standbyMac(name, linkNames.bridge(subnet));

function bridgeState({ fleet, name, mtu }: Scope, part: Part, of: Segment): BridgeState {
  const link = linkNames.bridge(of.subnet);
  return {
    link,
    mac: bridgeMac(part, of),
    mtu,
    master: undefined,
    group: String(groupOf(fleet)),
    alias: aliasOf(fleet, name, of.subnet, "segment"),
    up: true,
    flags: {},
    addresses: part.isPrimary ? [within(of.cidr, of.gateway)] : [],
  };
}

function vxlanState({ fleet, name, mtu }: Scope, { isPrimary, spec }: Part, of: Segment): VxlanState {
  return {
    link: linkNames.vxlan(of.subnet),
    mac: undefined,
    mtu,
    master: linkNames.bridge(of.subnet),
    group: String(groupOf(fleet)),
    alias: aliasOf(fleet, name, of.subnet, "vxlan"),
    up: true,
    flags: {
      learning: false,
      flood: false,
      mcast_flood: false,
      // A standby's broadcasts go to the primary, where DHCP answers.
      bcast_flood: !isPrimary && of.subnet !== undefined,
      neigh_suppress: true,
      // Isolation holds per bridge: where the primary's management VXLAN is isolated too, replicas of different
      // hypervisors do not reach each other, and the gateway still reaches them all.
      isolated: isPrimary && of.subnet === undefined,
    },
    addresses: [],
    id: of.vxlanId,
    local: spec.underlay.address,
    device: spec.underlay.device,
  };
}

/**
 * On a standby's management segment only gateway and bastion are known: replicas have nothing to ask each other there. One
 * that is being removed is known until it is gone everywhere: with it goes what the gateway remembers of its connections, by
 * which its clients hear of its end.
 */
function neighbourState(scope: Scope, { isPrimary }: Part, of: Segment): NeighboursState {
  const replicas = !isPrimary && of.subnet === undefined ? [] : allOn(scope, of).map(of.addressOf);
  const way = of.subnet === undefined ? bastionOf(scope)?.address : undefined;
  const addresses = [...(isPrimary ? [] : [of.gateway]), ...(way ? [way] : []), ...replicas];
  return {
    device: linkNames.bridge(of.subnet),
    entries: Object.fromEntries(addresses.map((a) => [a, macOf(a)])),
  };
}

function forwardingState(scope: Scope, part: Part, of: Segment): ForwardingState {
  const way = of.subnet === undefined ? bastionOf(scope) : undefined;
  const primary = scope.parts.find(({ isPrimary }) => isPrimary)?.spec.underlay.address;
  const remote: Record<Mac, Ipv4> = {};
  if (!part.isPrimary && primary) {
    for (const mac of [macOf(of.gateway), ...(way ? [way.mac] : [])]) remote[mac] = primary;
  }
  if (part.isPrimary || of.subnet !== undefined)
    for (const replica of replicasOn(scope, of)) {
      const there = scope.hypervisors.get(replica.hypervisor)?.spec.underlay.address;
      if (replica.hypervisor !== part.name && there) remote[macOf(of.addressOf(replica))] = there;
    }
  const broadcast = !part.isPrimary && of.subnet !== undefined ? primary : undefined;
  const here = [bridgeMac(part, of), ...(part.isPrimary && way ? [way.mac] : [])];
  return { device: linkNames.vxlan(of.subnet), remote, here, broadcast };
}

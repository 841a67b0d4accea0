import {
  addressOf,
  contains,
  type Cidr,
  type InterfaceAddress,
  type Ipv4,
  type Mac,
  networkOf,
  prefixLength,
} from "../api/addresses.ts";
import { trusted } from "../api/names.ts";
import type { Machine } from "./machine.ts";
import type { Link, Space } from "./parts.ts";
import { EXISTS, INVALID, Refused } from "./refused.ts";

/** What a link drags along in the kernel: routes, neighbours and entries that come and go with it. */

export function findLink({ links }: Space, name: string): Link {
  const link = links.find((one) => one.name === name);
  if (!link) throw new Refused(`Cannot find device "${name}"`);
  return link;
}

/** Puts a new link, or the two ends of a pair, into their namespaces; both or none. */
export function addLinks(machine: Machine, ...links: readonly Link[]): void {
  for (const { space, name } of links)
    if (space.links.some((one) => one.name === name)) throw new Refused(EXISTS);
  for (const link of links) {
    const { vxlan } = link;
    // The kernel keeps ids apart in the namespace of the underlay, which all of ours share.
    if (
      vxlan &&
      [...machine.allSpaces()].some(({ links: all }) => all.some((one) => one.vxlan?.id === vxlan.id))
    )
      throw new Refused(EXISTS);
  }
  for (const link of links) link.space.links.push(link);
}

/** Takes a link away with all that hangs on it: its other end, what it carried, what was known behind it. */
export function removeLink(machine: Machine, link: Link): void {
  const { space } = link;
  const index = space.links.indexOf(link);
  if (index === -1) return;
  space.links.splice(index, 1);
  leaveBridge(link);
  forget(link);
  for (const port of space.links) if (port.master === link) leaveBridge(port);
  for (const one of machine.allSpaces())
    for (const other of one.links.filter(({ below }) => below === link)) removeLink(machine, other);
  if (link.peer) removeLink(machine, link.peer);
}

/** Moves a link into another namespace, where it begins down and with nothing that it had. */
export function moveLink(link: Link, space: Space): void {
  if (space.links.some(({ name }) => name === link.name)) throw new Refused(EXISTS);
  lower(link);
  leaveBridge(link);
  forget(link);
  link.addresses = [];
  link.space.links.splice(link.space.links.indexOf(link), 1);
  link.space = space;
  space.links.push(link);
}

/** Ends a namespace: what is in it goes, and so do the other ends of its pairs. */
export function removeSpace(machine: Machine, space: Space): void {
  for (const link of space.links.toReversed()) removeLink(machine, link);
}

function forget({ space, name }: Link): void {
  const other = ({ device }: { readonly device: string }): boolean => device !== name;
  space.routes = space.routes.filter(other);
  space.neighbours = space.neighbours.filter(other);
  space.forwarding = space.forwarding.filter(other);
}

/** What a port begins with: joining a bridge resets them all. */
const PORT_FLAGS = {
  learning: true,
  flood: true,
  mcast_flood: true,
  bcast_flood: true,
  locked: false,
  neigh_suppress: false,
  proxy_arp: false,
  isolated: false,
} as const;

export function joinBridge(link: Link, bridge: Link): void {
  if (link.master === bridge) return;
  link.master = bridge;
  link.flags = { ...PORT_FLAGS };
  adjustMtu(bridge);
}

export function leaveBridge(link: Link): void {
  const bridge = link.master;
  if (!bridge) return;
  link.master = undefined;
  link.flags = {};
  adjustMtu(bridge);
  link.space.forwarding = link.space.forwarding.filter(
    ({ device, table }) => device !== link.name || table !== "master",
  );
}

/** Neighbours are lost even when the MAC is the one that it has; and a bridge keeps no entry of a port for its own. */
export function setMac(link: Link, mac: Mac): void {
  link.mac = mac;
  loseNeighbours(link);
  const { space } = link;
  const ports = space.links.filter(({ master }) => master === link);
  space.forwarding = space.forwarding.filter(
    (entry) =>
      entry.mac !== mac || entry.table !== "master" || !ports.some(({ name }) => name === entry.device),
  );
}

/** Octets that VXLAN takes of each packet of the link below. */
export const VXLAN_OVERHEAD = 50;

export function setMtu(link: Link, mtu: number): void {
  if (link.mtu === mtu) return;
  const { below } = link;
  if (below && mtu > below.mtu - (link.vxlan ? VXLAN_OVERHEAD : 0)) throw new Refused(INVALID);
  link.mtu = mtu;
  link.keepsMtu = true;
  if (link.master) adjustMtu(link.master);
}

/** A bridge that was not told its MTU since it was made takes the smallest of its ports with each change of them. */
function adjustMtu(bridge: Link): void {
  if (bridge.keepsMtu) return;
  const ports = bridge.space.links.filter(({ master }) => master === bridge);
  bridge.mtu = ports.length === 0 ? 1500 : Math.min(...ports.map(({ mtu }) => mtu));
}

export function raise(link: Link): void {
  if (link.up) return;
  link.up = true;
  if (isLoopback(link) && link.addresses.length === 0) link.addresses.push(trusted("127.0.0.1/8"));
  for (const address of link.addresses) connect(link, address);
}

/** A link that goes down loses its routes, and its neighbours, permanent ones too. */
export function lower(link: Link): void {
  if (!link.up) return;
  link.up = false;
  disableIp(link);
}

/** So is one that has no address any more. */
function disableIp(link: Link): void {
  const { space, name } = link;
  space.routes = space.routes.filter(({ device }) => device !== name);
  loseNeighbours(link);
}

function loseNeighbours({ space, name }: Link): void {
  space.neighbours = space.neighbours.filter(({ device }) => device !== name);
}

export function addAddress(link: Link, address: InterfaceAddress): void {
  if (link.addresses.includes(address)) throw new Refused("RTNETLINK answers: File exists");
  link.addresses.push(address);
  if (link.up) connect(link, address);
}

export function removeAddress(link: Link, address: InterfaceAddress): void {
  const index = link.addresses.indexOf(address);
  if (index === -1) throw new Refused("RTNETLINK answers: Cannot assign requested address");
  link.addresses.splice(index, 1);
  if (link.addresses.length === 0) return disableIp(link);
  const { space, name } = link;
  const source = addressOf(address);
  space.routes = space.routes.filter((route) => route.device !== name || route.source !== source);
  const next = link.addresses.find((one) => networkOf(one) === networkOf(address));
  if (next && link.up) connect(link, next);
}

export const isLoopback = ({ name }: Link): boolean => name === "lo";

/** The kernel writes one route for each network, from the first address in it; a loopback's are in a table of their own. */
function connect(link: Link, address: InterfaceAddress): void {
  const { space, name: device } = link;
  const network = networkOf(address);
  if (isLoopback(link) || prefixLength(address) === 32 || reaches(space, device, network)) return;
  space.routes.push({ destination: network, gateway: undefined, device, source: addressOf(address) });
}

const reaches = ({ routes }: Space, device: string, network: Cidr): boolean =>
  routes.some((route) => route.device === device && route.destination === network);

/** The link over which an address is a direct neighbour, of a device where one is named; one whose own it is comes first. */
export function linkTowards({ links }: Space, address: Ipv4, device?: string): Link | undefined {
  const usable = links.filter(({ name, up }) => up && (device === undefined || name === device));
  return (
    usable.find(({ addresses }) => addresses.some((own) => addressOf(own) === address)) ??
    usable.find(({ addresses }) => addresses.some((own) => contains(networkOf(own), address)))
  );
}

/** Whether an address is the namespace's own, on a link that is up. */
export const isOwn = ({ links }: Space, address: string): boolean =>
  links.some(({ up, addresses }) => up && addresses.some((own) => addressOf(own) === address));

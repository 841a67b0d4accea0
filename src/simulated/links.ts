import {
  addressOf,
  contains,
  type Cidr,
  type InterfaceAddress,
  type Ipv4,
  networkOf,
  prefixLength,
} from "../api/addresses.ts";
import type { Link, Machine, Space } from "./machine.ts";
import { EXISTS, Refused } from "./refused.ts";

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
  forget(link);
  for (const port of space.links) if (port.master === link) leaveBridge(port);
  for (const one of machine.allSpaces())
    for (const other of one.links.filter(({ below }) => below === link)) removeLink(machine, other);
  if (link.peer) removeLink(machine, link.peer);
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
  leaveBridge(link);
  link.master = bridge;
  link.flags = { ...PORT_FLAGS };
}

export function leaveBridge(link: Link): void {
  if (!link.master) return;
  link.master = undefined;
  link.flags = {};
  link.space.forwarding = link.space.forwarding.filter(
    ({ device, table }) => device !== link.name || table !== "master",
  );
}

export function raise(link: Link): void {
  if (link.up) return;
  link.up = true;
  for (const address of link.addresses) connect(link, address);
}

/** A link that goes down loses its routes, and its neighbours, permanent ones too. */
export function lower(link: Link): void {
  if (!link.up) return;
  link.up = false;
  const { space, name } = link;
  space.routes = space.routes.filter(({ device }) => device !== name);
  loseNeighbours(link);
}

export function loseNeighbours({ space, name }: Link): void {
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
  const { space, name } = link;
  const source = addressOf(address);
  space.routes = space.routes.filter((route) => route.device !== name || route.source !== source);
  const next = link.addresses.find((one) => networkOf(one) === networkOf(address));
  if (next && link.up) connect(link, next);
}

/** The kernel writes one route for each network, from the first address in it. */
function connect({ space, name: device }: Link, address: InterfaceAddress): void {
  const network = networkOf(address);
  if (prefixLength(address) === 32 || reaches(space, device, network)) return;
  space.routes.push({ destination: network, gateway: undefined, device, source: addressOf(address) });
}

const reaches = ({ routes }: Space, device: string, network: Cidr): boolean =>
  routes.some((route) => route.device === device && route.destination === network);

/** The link over which an address is a direct neighbour; of a device, where one is named. */
export function linkTowards({ links }: Space, address: Ipv4, device?: string): Link | undefined {
  return links.find(
    (link) =>
      link.up &&
      (device === undefined || link.name === device) &&
      link.addresses.some((own) => contains(networkOf(own), address)),
  );
}

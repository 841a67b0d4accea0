import { type InterfaceAddress, type Ipv4, type Mac, parseIpv4 } from "../api/addresses.ts";
import { trusted } from "../api/names.ts";
import type { ForwardingFact, LinkFact, NeighbourFact, NamespaceFacts, RouteFact } from "./facts.ts";

/** The shapes that iproute2's `-j` prints, as far as they are read here; addresses are as the kernel has them. */
interface LinkJson {
  ifindex: number;
  ifname: string;
  link_index?: number;
  address?: Mac;
  mtu: number;
  master?: string;
  flags: string[];
  group?: string;
  ifalias?: string;
  addr_info: { family: string; local: string; prefixlen: number }[];
  linkinfo?: {
    info_kind?: string;
    info_data?: { id?: number; local?: Ipv4; port?: number; link?: string };
    info_slave_data?: Record<string, unknown>;
  };
}
interface RouteJson {
  dst: string;
  gateway?: Ipv4;
  dev: string;
  prefsrc?: string;
}
interface NeighbourJson {
  dst: string;
  dev: string;
  lladdr?: Mac;
}
interface ForwardingJson {
  mac: string;
  ifname: string;
  dst?: Ipv4;
  master?: string;
  flags: string[];
  state?: string;
}

/** The names under which `ip -d` prints the port flags that `ip link set … type bridge_slave` sets. */
const PORT_FLAGS = {
  locked: "locked",
  learning: "learning",
  flood: "flood",
  mcast_flood: "mcast_flood",
  bcast_flood: "bcast_flood",
  neigh_suppress: "neigh_suppress",
  proxy_arp: "proxy_arp",
  isolated: "isolated",
} as const;

/** Reads the three JSON lines of `ip -j -d -batch`: addr (which shows links with all their details), route, neigh. */
export function parseNetwork(text: string): Pick<NamespaceFacts, "links" | "routes" | "neighbours"> {
  const lines = text.split("\n").filter((line) => line.startsWith("["));
  if (lines.length !== 3) throw new SyntaxError(`ip printed ${lines.length} of 3 lists`);
  const [links, routes, neighbours] = lines;
  const all = json<LinkJson>(links);
  return {
    links: all.map((link) => readLink(link, all)),
    routes: json<RouteJson>(routes).map(readRoute),
    neighbours: json<NeighbourJson>(neighbours).flatMap(readNeighbour),
  };
}

/** One line of a tool's JSON. A line that is missing is a look that failed, not a list that is empty: that is `[]`. */
function json<T>(line: string | undefined): T[] {
  if (line === undefined) throw new SyntaxError("a tool printed nothing");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border: from here on the types are the proof
  return JSON.parse(line) as T[];
}

/**
 * The device of a VXLAN is printed by name, and the name is looked up where the VXLAN is, not where the device is: it says
 * only which index is meant. An index that nothing has there is printed as `if7`.
 */
function indexBelow({ link_index, linkinfo }: LinkJson, all: readonly LinkJson[]): number | undefined {
  if (linkinfo?.info_kind === "macvlan") return link_index;
  const name = linkinfo?.info_kind === "vxlan" ? linkinfo.info_data?.link : undefined;
  const alike = all.find(({ ifname }) => ifname === name);
  const index = alike?.ifindex ?? Number(/^if(\d+)$/.exec(name ?? "")?.[1]);
  return Number.isNaN(index) ? undefined : index;
}

function readLink(link: LinkJson, all: readonly LinkJson[]): LinkFact {
  const { info_kind = "", info_data = {}, info_slave_data = {} } = link.linkinfo ?? {};
  const flags: Record<string, boolean> = {};
  for (const [printed, name] of Object.entries(PORT_FLAGS)) {
    if (typeof info_slave_data[printed] === "boolean") flags[name] = info_slave_data[printed];
  }
  return {
    name: link.ifname,
    index: link.ifindex,
    below: indexBelow(link, all),
    type: info_kind,
    mac: link.address ?? trusted<Mac>(""),
    mtu: link.mtu,
    master: link.master,
    up: link.flags.includes("UP"),
    group: link.group ?? "default",
    alias: link.ifalias,
    vxlan:
      info_kind === "vxlan" && info_data.id !== undefined
        ? { id: info_data.id, local: info_data.local ?? trusted<Ipv4>(""), port: info_data.port ?? 0 }
        : undefined,
    flags,
    addresses: link.addr_info
      .filter(({ family }) => family === "inet")
      .map(({ local, prefixlen }) => trusted<InterfaceAddress>(`${local}/${prefixlen}`)),
  };
}

const readRoute = ({ dst, gateway, dev, prefsrc }: RouteJson): RouteFact => ({
  destination: dst,
  gateway,
  device: dev,
  source: prefsrc,
});

function readNeighbour({ dst, dev, lladdr }: NeighbourJson): NeighbourFact[] {
  const address: Ipv4 | undefined = parseIpv4(dst);
  return address && lladdr ? [{ device: dev, address, mac: lladdr }] : [];
}

/** Reads `bridge -j fdb`: only static entries, and those of a VXLAN that name a destination. */
export function parseForwarding(text: string): ForwardingFact[] {
  return json<ForwardingJson>(text.split("\n").find((line) => line.startsWith("["))).flatMap(readForwarding);
}

function readForwarding({ mac, ifname, dst, master, flags, state }: ForwardingJson): ForwardingFact[] {
  if (dst !== undefined && flags.includes("self"))
    return [{ device: ifname, mac, destination: dst, table: "self" }];
  const isStatic = master !== undefined && state === "static";
  return isStatic ? [{ device: ifname, mac, destination: undefined, table: "master" }] : [];
}

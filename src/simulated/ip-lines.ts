import { type InterfaceAddress, type Ipv4, type Mac } from "../api/addresses.ts";
import { trusted } from "../api/names.ts";
import type { ForwardingFact } from "../facts/facts.ts";
import {
  addAddress,
  addLinks,
  findLink,
  isLoopback,
  isOwn,
  joinBridge,
  leaveBridge,
  linkTowards,
  lower,
  moveLink,
  raise,
  removeAddress,
  removeLink,
  setMac,
  setMtu,
  VXLAN_OVERHEAD,
} from "./links.ts";
import { type Machine, newLink } from "./machine.ts";
import type { Link, Space } from "./parts.ts";
import { INVALID, NO_SUCH_FILE, NOT_SUPPORTED, Refused, UNREACHABLE } from "./refused.ts";

/** What a line needs besides itself. */
interface Where {
  readonly machine: Machine;
  readonly space: Space;
  /** The namespace that a line names, by its name or by the file of a sandbox. */
  readonly spaceOf: (name: string) => Space;
}

/**
 * Does what one line of `ip -batch` would do. Only the forms that evenkeel writes are known; another one is a mistake.
 * @throws Refused in the kernel's words
 */
export function ipLine(where: Where, line: string): void {
  const [object = "", verb = "", ...rest] = wordsOf(line);
  const run = VERBS[`${object} ${verb}`];
  if (!run) throw new RangeError(`ip: ${line}`);
  run(where, rest);
}

const wordsOf = (line: string): string[] =>
  (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"(.*)"$/, "$1"));

/** `key value key value …`. */
function pairsOf(words: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  const told = words.filter((word) => word !== "nolearning"); // the one that has no value
  for (let at = 0; at + 1 < told.length; at += 2) pairs.set(told[at] ?? "", told[at + 1] ?? "");
  return pairs;
}

const VERBS: Readonly<Record<string, (where: Where, words: readonly string[]) => void>> = {
  "link add": linkAdd,
  "link set": ({ space, spaceOf }, [name = "", ...words]) => {
    const link = findLink(space, name);
    if (words[0] === "netns") moveLink(link, spaceOf(words[1] ?? ""));
    else linkSet(link, space, words);
  },
  "link del": ({ machine, space }, [name = ""]) => removeLink(machine, findLink(space, name)),
  "addr add": ({ space }, words) => addAddress(...addressed(space, words)),
  "addr del": ({ space }, words) => removeAddress(...addressed(space, words)),
  "addr replace": ({ space }, words) => {
    const [link, address] = addressed(space, words);
    if (!link.addresses.includes(address)) addAddress(link, address);
  },
  "route replace": ({ space }, [destination = "", ...words]) => routeReplace(space, destination, words),
  "neigh replace": ({ space }, [address = "", ...words]) => {
    const pairs = pairsOf(words);
    const { name: device } = findLink(space, pairs.get("dev") ?? "");
    space.neighbours = space.neighbours.filter((one) => one.device !== device || one.address !== address);
    space.neighbours.push({ device, address: trusted(address), mac: trusted(pairs.get("lladdr") ?? "") });
  },
  "neigh del": ({ space }, [address = "", ...words]) => {
    const { name: device } = findLink(space, pairsOf(words).get("dev") ?? "");
    const left = space.neighbours.filter((one) => one.device !== device || one.address !== address);
    if (left.length === space.neighbours.length) throw new Refused(NO_SUCH_FILE);
    space.neighbours = left;
  },
};

const addressed = (
  space: Space,
  [address = "", , device = ""]: readonly string[],
): [Link, InterfaceAddress] => [findLink(space, device), trusted(address)];

/** `link add [link LOWER] KEY VALUE … type TYPE …`; of a veth, `peer KEY VALUE …` follows. */
function linkAdd({ machine, space, spaceOf }: Where, words: readonly string[]): void {
  const cut = words.indexOf("peer");
  const pairs = pairsOf(cut === -1 ? words : words.slice(0, cut));
  const target = inside(pairs, space, spaceOf);
  const type = pairs.get("type") ?? "";
  const about = { type, ...named(pairs) };
  switch (type) {
    case "bridge":
      return addLinks(machine, newLink(machine, target, about));
    case "veth": {
      const other = pairsOf(words.slice(cut + 1));
      const link = newLink(machine, target, about);
      const peer = newLink(machine, inside(other, space, spaceOf), { type, ...named(other), peer: link });
      link.peer = peer;
      return addLinks(machine, link, peer);
    }
    case "macvlan":
      return addLinks(
        machine,
        newLink(machine, target, { ...about, below: lowerOf(space, pairs.get("link")) }),
      );
    case "vxlan": {
      const below = lowerOf(space, pairs.get("dev"));
      const local = trusted<Ipv4>(pairs.get("local") ?? "");
      const vxlan = { id: Number(pairs.get("id")), local, port: Number(pairs.get("dstport")) };
      const mtu = Math.min(about.mtu, below.mtu - VXLAN_OVERHEAD);
      return addLinks(machine, newLink(machine, target, { ...about, mtu, below, vxlan }));
    }
    default:
      throw new RangeError(`ip link add: type ${type}`);
  }
}

const inside = (pairs: ReadonlyMap<string, string>, space: Space, spaceOf: Where["spaceOf"]): Space => {
  const name = pairs.get("netns");
  return name === undefined ? space : spaceOf(name);
};

const named = (pairs: ReadonlyMap<string, string>): Pick<Link, "name" | "mac" | "mtu" | "group"> => ({
  name: pairs.get("name") ?? "",
  mac: trusted<Mac>(pairs.get("address") ?? ""),
  mtu: Number(pairs.get("mtu") ?? 1500),
  group: pairs.get("group") ?? "default",
});

function lowerOf(space: Space, name = ""): Link {
  const link = space.links.find((one) => one.name === name);
  if (!link) throw new Refused(`Cannot find device "${name}"`);
  return link;
}

function linkSet(link: Link, space: Space, [what = "", ...words]: readonly string[]): void {
  const [value = ""] = words;
  switch (what) {
    case "up":
      return raise(link);
    case "down":
      return lower(link);
    case "mtu":
      return setMtu(link, Number(value));
    case "group":
      link.group = value;
      return;
    case "alias":
      link.alias = value;
      return;
    case "nomaster":
      return leaveBridge(link);
    case "master": {
      const bridge = findLink(space, value);
      // It leaves the one that it is on before it is known that the other does not take it.
      if (link.master !== bridge) leaveBridge(link);
      if (bridge.type !== "bridge") throw new Refused(NOT_SUPPORTED);
      if (isLoopback(link)) throw new Refused(INVALID);
      if (link.type === "bridge") throw new Refused("RTNETLINK answers: Too many levels of symbolic links");
      return joinBridge(link, bridge);
    }
    case "address":
      return setMac(link, trusted(value));
    case "type":
      if (!link.master) throw new Refused(NOT_SUPPORTED);
      for (const [flag, state] of pairsOf(words.slice(1))) link.flags[flag] = state === "on";
      return;
    default:
      throw new RangeError(`ip link set: ${what}`);
  }
}

function routeReplace(space: Space, destination: string, words: readonly string[]): void {
  const pairs = pairsOf(words);
  const device = pairs.get("dev");
  if (device !== undefined) findLink(space, device);
  const via = pairs.get("via");
  const gateway = via === undefined ? undefined : trusted<Ipv4>(via);
  const link =
    gateway === undefined
      ? space.links.find(({ name, up }) => name === device && up)
      : linkTowards(space, gateway, device);
  if (!link) throw new Refused(gateway === undefined ? "RTNETLINK answers: Network is down" : UNREACHABLE);
  const source = pairs.get("src");
  if (source !== undefined && !isOwn(space, source)) throw new Refused(INVALID);
  const bare = destination.replace(/\/32$/, "");
  space.routes = space.routes.filter((route) => route.destination !== bare);
  space.routes.push({
    destination: bare,
    gateway,
    device: link.name,
    source,
  });
}

/**
 * Does what one line of `bridge -batch` would do.
 * @throws Refused in the kernel's words
 */
export function bridgeLine(space: Space, line: string): void {
  const [object, verb = "", mac = "", , device = "", ...rest] = wordsOf(line);
  if (object !== "fdb") throw new RangeError(`bridge: ${line}`);
  const link = findLink(space, device);
  const table = rest.includes("master") ? "master" : "self";
  const at = rest.indexOf("dst");
  const destination = at === -1 ? undefined : trusted<Ipv4>(rest[at + 1] ?? "");
  if (table === "master" ? !link.master : !link.vxlan) throw new Refused(NOT_SUPPORTED);
  const entry = { device, mac, destination, table } as const;
  const { forwarding, links } = space;
  // A bridge has one entry for an address, at whichever of its ports; a VXLAN has one for each destination.
  const devices = table === "self" ? [link] : links.filter(({ master }) => master === link.master);
  const isSame = (one: ForwardingFact): boolean =>
    one.mac === mac && one.table === table && devices.some(({ name }) => name === one.device);
  const isExact = (one: ForwardingFact): boolean =>
    isSame(one) && one.device === device && one.destination === destination;
  switch (verb) {
    case "replace":
      space.forwarding = [...forwarding.filter((one) => !isSame(one)), entry];
      return;
    case "append":
      if (!forwarding.some(isExact)) space.forwarding = [...forwarding, entry];
      return;
    case "del":
      // A VXLAN that knows the address says nothing of a destination that it does not know.
      if (!forwarding.some(table === "self" ? isSame : isExact)) throw new Refused(NO_SUCH_FILE);
      space.forwarding = forwarding.filter((one) => !isExact(one));
      return;
    default:
      throw new RangeError(`bridge: ${line}`);
  }
}

import { type Cidr, type InterfaceAddress, addressOf, networkOf, prefixLength } from "../api/addresses.ts";
import { entriesOf } from "../api/records.ts";
import type { LinkFact, RouteFact } from "../facts/facts.ts";

/** What the kinds that are links have in common. */
export interface LinkState {
  readonly link: string;
  readonly mac: string | undefined;
  readonly mtu: number;
  readonly master: string | undefined;
  /** The fleet's mark, a number; a name where somebody gave it another group. */
  readonly group: string;
  readonly alias: string;
  readonly up: boolean;
  /** Flags as a bridge port; empty where the link is none. */
  readonly flags: Readonly<Record<string, boolean>>;
  /** With prefix, `10.13.13.1/24`. */
  readonly addresses: readonly InterfaceAddress[];
  /** By the address in it, networks that it has no route to any more, although it is up; only of an observed state. */
  readonly unrouted?: Readonly<Record<InterfaceAddress, Cidr>>;
}

/** @param routes those of its namespace; left out for a link that is to have no address */
export const readLink = (link: LinkFact, routes: readonly RouteFact[] = []): LinkState => ({
  link: link.name,
  mac: link.mac,
  mtu: link.mtu,
  master: link.master,
  group: link.group,
  alias: link.alias ?? "",
  up: link.up,
  flags: link.flags,
  addresses: link.addresses,
  ...(link.up && { unrouted: unrouted(link, routes) }),
});

/** The kernel writes one route for each network, from the first address in it; for a single address (/32) it writes none. */
function unrouted(
  { name, addresses }: LinkFact,
  routes: readonly RouteFact[],
): Record<InterfaceAddress, Cidr> {
  const reached = new Set<string>(
    routes.flatMap(({ device, gateway, destination }) =>
      device === name && gateway === undefined ? [destination] : [],
    ),
  );
  const missing: Record<InterfaceAddress, Cidr> = {};
  for (const address of addresses) {
    const network = networkOf(address);
    if (prefixLength(address) === 32 || reached.has(network)) continue;
    reached.add(network);
    missing[address] = network;
  }
  return missing;
}

/**
 * What a macvlan or VXLAN of a tenant hangs on in the hypervisor's own namespace; nothing when that cannot be told. It cannot
 * where the hypervisor has a macvlan of its own: the kernel puts one on another on what is below them both.
 */
export function deviceBelow(
  { type, below }: LinkFact,
  own: readonly LinkFact[],
): { readonly device?: string } {
  if (type === "macvlan" && own.some((link) => /^macv(lan|tap)$/.test(link.type))) return {};
  const found = below === undefined ? undefined : own.find(({ index }) => index === below);
  return found ? { device: found.name } : {};
}

/** Whether it is known to hang on something else than it should. */
export const hangsElsewhere = (desired: { device?: string }, observed: { device?: string }): boolean =>
  desired.device !== undefined && observed.device !== undefined && observed.device !== desired.device;

/** Lines for `ip -batch` that turn one link into the other, and a word for each difference. */
export interface LinkDifference {
  readonly lines: string[];
  readonly reasons: string[];
}

const onOff = (flags: Readonly<Record<string, boolean>>): string =>
  Object.entries(flags)
    .map(([flag, on]) => `${flag} ${on ? "on" : "off"}`)
    .join(" ");

/** `link set DEVICE type bridge_slave …` with every flag: joining a bridge resets them all, so they always go together. */
export const setFlags = (device: string, flags: Readonly<Record<string, boolean>>): string[] =>
  Object.keys(flags).length === 0 ? [] : [`link set ${device} type bridge_slave ${onOff(flags)}`];

/**
 * The order matters: a link is named, joined and locked before it gets addresses, and comes up last, because an address
 * that is there when a link comes up is announced, a later one is not.
 * @param announce says addresses again on a link that is already up, without touching its routes
 */
export function linkDifference(
  desired: LinkState,
  observed: LinkState | undefined,
  options: { announce?: boolean } = {},
): LinkDifference {
  const lines: string[] = [];
  const reasons: string[] = [];
  const differ = (reason: string, ...commands: string[]): void => {
    lines.push(...commands);
    if (observed !== undefined) reasons.push(reason);
  };
  const { link } = desired;
  if (observed !== undefined && observed.mtu !== desired.mtu)
    differ(`MTU is ${observed.mtu}, must be ${desired.mtu}`, `link set ${link} mtu ${desired.mtu}`);
  if (observed !== undefined && desired.mac !== undefined && observed.mac !== desired.mac)
    differ(`MAC is ${observed.mac}, must be ${desired.mac}`, `link set ${link} address ${desired.mac}`);
  if (observed !== undefined && observed.group !== desired.group)
    differ(`group is ${observed.group}, must be the fleet's`, `link set ${link} group ${desired.group}`);
  if (observed?.alias !== desired.alias)
    differ("its mark is not as written", `link set ${link} alias "${desired.alias}"`);

  const rejoin = observed?.master !== desired.master;
  if (rejoin)
    differ(
      observed?.master ? `port of ${observed.master}` : "no port of its bridge",
      `link set ${link} ${desired.master === undefined ? "nomaster" : `master ${desired.master}`}`,
    );
  const wrong = Object.entries(desired.flags).filter(([flag, on]) => observed?.flags[flag] !== on);
  if (wrong.length > 0)
    differ(
      `flags ${wrong.map(([flag, on]) => `${flag} ${on ? "off" : "on"}`).join(", ")}`,
      ...setFlags(link, desired.flags),
    );
  // guard: filter before enslave
  else if (rejoin) lines.push(...setFlags(link, desired.flags));

  for (const address of desired.addresses)
    if (!observed?.addresses.includes(address))
      differ(`address ${address} missing`, `addr add ${address} dev ${link}`);
  for (const address of observed?.addresses ?? [])
    if (!desired.addresses.includes(address))
      differ(`foreign address ${address}`, `addr del ${address} dev ${link}`);
  const announced =
    observed?.up === true && desired.addresses.some((address) => !observed.addresses.includes(address));
  if (options.announce && announced && desired.mac !== undefined)
    lines.push(`link set ${link} address ${desired.mac}`);

  for (const [address, network] of entriesOf(observed?.unrouted ?? {}))
    if (desired.addresses.includes(address))
      differ(
        `no route to ${network}`,
        `route replace ${network} dev ${link} proto kernel scope link src ${addressOf(address)}`,
      );

  if (desired.up && observed?.up !== true) differ("down", `link set ${link} up`);
  return { lines, reasons };
}

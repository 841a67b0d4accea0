import type { LinkFact } from "../facts/facts.ts";

/** What the kinds that are links have in common. */
export interface LinkState {
  readonly link: string;
  readonly mac: string | undefined;
  readonly mtu: number;
  readonly master: string | undefined;
  readonly alias: string;
  readonly up: boolean;
  /** Flags as a bridge port; empty where the link is none. */
  readonly flags: Readonly<Record<string, boolean>>;
  /** With prefix, `10.13.13.1/24`. */
  readonly addresses: readonly string[];
}

export const readLink = (link: LinkFact): LinkState => ({
  link: link.name,
  mac: link.mac,
  mtu: link.mtu,
  master: link.master,
  alias: link.alias ?? "",
  up: link.up,
  flags: link.flags,
  addresses: link.addresses,
});

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
  if (observed?.alias !== desired.alias)
    differ("its mark is not as written", `link set ${link} alias "${desired.alias}"`);

  const rejoin = observed?.master !== desired.master;
  if (rejoin && desired.master !== undefined)
    differ(
      observed?.master ? `port of ${observed.master}` : "no port of its bridge",
      `link set ${link} master ${desired.master}`,
    );
  const wrong = Object.entries(desired.flags).filter(([flag, on]) => observed?.flags[flag] !== on);
  if (rejoin || wrong.length > 0)
    differ(
      `flags ${wrong.map(([flag, on]) => `${flag} ${on ? "off" : "on"}`).join(", ")}`,
      ...setFlags(link, desired.flags),
    );

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

  if (desired.up && observed?.up !== true) differ("down", `link set ${link} up`);
  return { lines, reasons };
}

import { Address4 } from "ip-address";
import { trusted } from "./names.ts";

declare const brand: unique symbol;
/** Dotted quad without leading zeros, `10.13.13.1`. */
export type Ipv4 = string & { readonly [brand]: "Ipv4" };
/** A network in its canonical form, host bits zero: `10.13.13.0/24`. */
export type Cidr = string & { readonly [brand]: "Cidr" };
/** An interface's own address with its prefix length, host bits and all: `198.18.100.2/24`. */
export type InterfaceAddress = string & { readonly [brand]: "InterfaceAddress" };
/** Six lower-case octets, `02:01:0a:0d:0d:0b`. */
export type Mac = string & { readonly [brand]: "Mac" };

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);
const PREFIX = /^(3[0-2]|[12]?\d)$/;

/** The address in `text`, or undefined. Stricter than libraries: no leading zeros, no short forms, no hexadecimal. */
export const parseIpv4 = (text: string): Ipv4 | undefined =>
  IPV4.test(text) ? trusted<Ipv4>(text) : undefined;

/** The network in `text`, or undefined. Host bits must be zero (`hostBits: "allowed"` clears them instead). */
export function parseCidr(text: string, hostBits: "refused" | "allowed" = "refused"): Cidr | undefined {
  const [address = "", prefix = "", ...rest] = text.split("/");
  if (rest.length > 0 || !parseIpv4(address) || !PREFIX.test(prefix)) return undefined;
  const canonical = `${new Address4(text).startAddress().correctForm()}/${prefix}`;
  return canonical === text || hostBits === "allowed" ? trusted<Cidr>(canonical) : undefined;
}

const number = (address: string): number =>
  address
    .replace(/\/.*/, "")
    .split(".")
    .reduce((sum, octet) => sum * 256 + Number(octet), 0);
const fromNumber = (value: number): Ipv4 =>
  trusted([2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(value / unit) % 256).join("."));

/** `24` of `10.13.13.0/24`. */
export const prefixLength = (cidr: Cidr | InterfaceAddress): number => Number(cidr.split("/")[1]);

/** How many addresses the network holds, network and broadcast address included. */
export const size = (cidr: Cidr): number => 2 ** (32 - prefixLength(cidr));

/** The address `index` places after the network address (0 is the network address itself). */
export const addressAt = (cidr: Cidr, index: number): Ipv4 => fromNumber(number(cidr) + index);

/** `255.255.255.0` of `10.13.13.0/24`. */
export const netmaskOf = (cidr: Cidr): Ipv4 => fromNumber(2 ** 32 - size(cidr));

/** The inverse of {@link addressAt}. */
export const indexOf = (cidr: Cidr, address: Ipv4): number => number(address) - number(cidr);

/** Whether the address lies in the network. */
export const contains = (cidr: Cidr, address: Ipv4): boolean => {
  const index = indexOf(cidr, address);
  return index >= 0 && index < size(cidr);
};

/** The first and the last address of a network as numbers, for comparing many. */
export function rangeOf(cidr: Cidr): { readonly first: number; readonly last: number } {
  const first = number(cidr);
  return { first, last: first + size(cidr) - 1 };
}

/** Whether the two networks share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  const [one, other] = [rangeOf(a), rangeOf(b)];
  return one.first <= other.last && other.first <= one.last;
}

/** A single address as a network, `198.18.100.10/32`. */
export const host = (address: Ipv4): Cidr => trusted(`${address}/32`);

/** `198.18.100.2` of `198.18.100.2/24`. */
export const addressOf = (address: InterfaceAddress): Ipv4 => trusted(address.replace(/\/.*/, ""));

/** The network that an interface's address lies in: `198.18.100.0/24` of `198.18.100.2/24`. */
export function networkOf(address: InterfaceAddress): Cidr {
  const prefix = prefixLength(address);
  const own = number(address);
  return trusted(`${fromNumber(own - (own % 2 ** (32 - prefix)))}/${prefix}`);
}

/** Numeric order, for sorting. */
export const compareAddresses = (a: Ipv4, b: Ipv4): number => number(a) - number(b);

const octets = (address: Ipv4): string =>
  address
    .split(".")
    .map((octet) => Number(octet).toString(16).padStart(2, "0"))
    .join(":");

/**
 * A MAC that follows from an address, so that nobody ever has to learn it. The second octet tells the role apart:
 * `01` replicas and gateways, `02` uplinks, `04`/`05` the two ends of the local pair (all locally administered, unicast).
 */
export const macOf = (address: Ipv4, role: "01" | "02" | "04" | "05" = "01"): Mac =>
  trusted(`02:${role}:${octets(address)}`);

/** The address that a MAC follows from: the inverse of {@link macOf}, whatever its role. */
export const addressOfMac = (mac: Mac): Ipv4 =>
  trusted(
    mac
      .split(":")
      .slice(2)
      .map((octet) => Number.parseInt(octet, 16))
      .join("."),
  );

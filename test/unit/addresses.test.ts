import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  addressAt,
  addressOf,
  type Cidr,
  compareAddresses,
  contains,
  host,
  indexOf,
  type InterfaceAddress,
  type Ipv4,
  macOf,
  networkOf,
  overlaps,
  parseCidr,
  parseIpv4,
  prefixLength,
  size,
} from "../../src/api/addresses.ts";
import { isName, replicaName, trusted } from "../../src/api/names.ts";

const ip = (text: string): Ipv4 => trusted(text);
const cidr = (text: string): Cidr => trusted(text);
const octet = fc.integer({ min: 0, max: 255 });
const anyAddress = fc.tuple(octet, octet, octet, octet).map((octets) => ip(octets.join(".")));
const anyNetwork = fc
  .tuple(anyAddress, fc.integer({ min: 8, max: 32 }))
  .map(([address, prefix]) => parseCidr(`${address}/${prefix}`, "allowed") ?? cidr("0.0.0.0/32"));

test.each(["0.0.0.0", "10.13.13.1", "255.255.255.255"])("%s is an address", (text) =>
  expect(parseIpv4(text)).toBe(text),
);

test.each([
  "",
  "1",
  "10.1",
  "010.0.0.1",
  "0x7f.0.0.1",
  "256.1.1.1",
  "1.2.3.4.5",
  "1.2.3.4 ",
  "1.2.3.4\n",
  "::1",
  "1.2.3.4/32",
])("%j is no address", (text) => expect(parseIpv4(text)).toBeUndefined());

test.each(["0.0.0.0/0", "10.13.13.0/24", "10.13.13.1/32"])("%s is a network", (text) =>
  expect(parseCidr(text)).toBe(text),
);

test.each([
  "",
  "10.0.0.0",
  "10.0.0.0/33",
  "10.0.0.0/08",
  "10.0.0.0/-1",
  "10.1/16",
  "10.0.0.0/8/8",
  "010.0.0.0/8",
  "10.0.0.1/8",
])("%j is no network", (text) => expect(parseCidr(text)).toBeUndefined());

test("host bits are cleared where they are allowed", () => {
  expect(parseCidr("10.13.13.200/25", "allowed")).toBe("10.13.13.128/25");
  expect(parseCidr("nonsense", "allowed")).toBeUndefined();
});

describe("networks", () => {
  test("count their addresses", () => {
    expect([size(cidr("10.0.0.0/24")), size(cidr("10.0.0.0/31")), prefixLength(cidr("10.0.0.0/31"))]).toEqual(
      [256, 2, 31],
    );
    expect(addressAt(cidr("10.13.13.0/24"), 255)).toBe("10.13.13.255");
    expect(addressAt(cidr("10.13.255.0/24"), 256)).toBe("10.14.0.0");
  });

  test("know what lies in them", () => {
    const property = fc.property(anyNetwork, fc.nat(), (network, number) => {
      const index = number % size(network);
      const address = addressAt(network, index);
      expect(contains(network, address)).toBe(true);
      expect(indexOf(network, address)).toBe(index);
      expect(overlaps(network, host(address))).toBe(true);
    });
    fc.assert(property);
  });

  test("overlap when one holds the other's first address", () => {
    expect(overlaps(cidr("10.0.0.0/8"), cidr("10.13.13.0/24"))).toBe(true);
    expect(overlaps(cidr("10.13.13.0/25"), cidr("10.13.13.128/25"))).toBe(false);
    fc.assert(fc.property(anyNetwork, anyNetwork, (a, b) => overlaps(a, b) === overlaps(b, a)));
  });

  test("are told from an interface's address", () => {
    const address: InterfaceAddress = trusted("198.18.100.2/24");
    expect([addressOf(address), networkOf(address)]).toEqual(["198.18.100.2", "198.18.100.0/24"]);
    const property = fc.property(anyAddress, fc.integer({ min: 0, max: 32 }), (own, prefix) => {
      const written = `${own}/${prefix}`;
      expect(networkOf(trusted(written))).toBe(parseCidr(written, "allowed"));
    });
    fc.assert(property);
  });
});

test("addresses sort by number", () => {
  expect([ip("10.0.0.10"), ip("10.0.0.9"), ip("9.255.0.0")].toSorted(compareAddresses)).toEqual([
    "9.255.0.0",
    "10.0.0.9",
    "10.0.0.10",
  ]);
});

test("MACs follow from addresses, one for each", () => {
  expect([macOf(ip("10.13.13.11")), macOf(ip("10.13.13.11"), "02")]).toEqual([
    "02:01:0a:0d:0d:0b",
    "02:02:0a:0d:0d:0b",
  ]);
  fc.assert(fc.property(anyAddress, anyAddress, (a, b) => (macOf(a) === macOf(b)) === (a === b)));
});

test("names are DNS labels of at most 32 characters", () => {
  expect(["a", "a-b", "0", "a".repeat(32)].filter(isName)).toHaveLength(4);
  expect(["", "-a", "a-", "A", "a.b", "a_b", "a\n", "a".repeat(33)].filter(isName)).toEqual([]);
  expect(replicaName(trusted("web"), 3)).toBe("web-3");
});

import { describe, expect, test } from "@jest/globals";
import { type Cidr, macOf } from "../../src/api/addresses.ts";
import type { TableFact } from "../../src/facts/facts.ts";
import type { FilterState } from "../../src/resources/filter.ts";
import type { GuardState } from "../../src/resources/guard-chain.ts";
import { chainOf, linkNames } from "../../src/resources/marks.ts";
import { isPort } from "../../src/resources/port.ts";
import type { PortRulesState } from "../../src/resources/port-rules.ts";
import { type Packet, verdict } from "./packets.ts";
import { FLEET, pass, scenario, serving, subnet, T2 } from "./scenario.ts";

const QUIET = { cidr: "10.13.14.0/24" as Cidr, dhcp: false };
const on = scenario({ subnets: [subnet("web", 2, { service: serving() }), subnet("quiet", 0, QUIET)] });
pass(on);
const state = (kind: string, at: string): unknown =>
  on.observed.find((one) => one.kind === kind && one.hypervisor === at)?.state;
const replicas = on.fleet.tenants[T2]?.replicas ?? [];
const [one, other] = replicas;
if (!one || !other) throw new Error("there are not two replicas");

describe("a tenant's rules", () => {
  const filter = (at: string) => state("filter", at) as FilterState;
  const at = (hypervisor: string): TableFact => filter(hypervisor).ipv4["filter"] as TableFact;
  const fromOutside = { in: "up0", out: "br-web", protocol: "tcp" };

  test.each<[string, string, string, Packet, string]>([
    ["let in what the balancer redirected", "hv1", "FORWARD", { ...fromOutside, state: "DNAT" }, "ACCEPT"],
    ["let nothing else in", "hv1", "FORWARD", { ...fromOutside, state: "NEW" }, "DROP"],
    ["let answers out", "hv1", "FORWARD", { in: "br-web", out: "up0", state: "ESTABLISHED" }, "ACCEPT"],
    ["let nothing else out", "hv1", "FORWARD", { in: "br-web", out: "up0", state: "NEW" }, "DROP"],
    ["keep replicas out of the gateway itself", "hv1", "INPUT", { in: "br-web", protocol: "tcp" }, "DROP"],
    ["keep outside out of the management network", "hv1", "FORWARD", { in: "up0", out: "mgmt" }, "DROP"],
    ["let nothing through a standby", "hv2", "FORWARD", { in: "br-web", out: "mgmt" }, "DROP"],
    ["let nothing into a standby", "hv2", "INPUT", { in: "br-web", protocol: "tcp" }, "DROP"],
  ])("%s", (_, hypervisor, chain, packet, result) => {
    expect(verdict(at(hypervisor), chain, packet)).toBe(result);
  });

  /** A question for a name, and one for an address. */
  const name = { in: "br-web", protocol: "udp", to: "10.13.13.1", toPort: 53 };
  const lease = { in: "br-web", protocol: "udp", to: "255.255.255.255", fromPort: 68, toPort: 67 };
  test.each<[string, Packet, string]>([
    ["names at a subnet's own address", name, "ACCEPT"],
    ["and those that need a connection", { ...name, protocol: "tcp" }, "ACCEPT"],
    ["names at no other subnet's address", { ...name, to: "10.13.14.1" }, "DROP"],
    ["names not from outside", { ...name, in: "up0", to: "198.18.100.10" }, "DROP"],
    ["names not from the management network", { ...name, in: "mgmt", to: "192.168.252.1" }, "DROP"],
    ["leases", lease, "ACCEPT"],
    ["leases again at the gateway's own address", { ...lease, to: "10.13.13.1" }, "ACCEPT"],
    ["leases not from outside", { ...lease, in: "up0" }, "DROP"],
    ["leases not from the management network", { ...lease, in: "mgmt" }, "DROP"],
    ["leases not where the subnet has none", { ...lease, in: "br-quiet" }, "DROP"],
    ["nothing else", { ...name, toPort: 22 }, "DROP"],
  ])("let ask for %s", (_, packet, result) => {
    expect(verdict(at("hv1"), "INPUT", packet)).toBe(result);
    expect(verdict(at("hv2"), "INPUT", packet)).toBe("DROP");
  });

  test.each(["hv1", "hv2"])("let no IPv6 through, on %s", (hypervisor) => {
    const table = filter(hypervisor).ipv6["filter"] as TableFact;
    for (const chain of ["INPUT", "FORWARD", "OUTPUT"])
      expect(verdict(table, chain, { in: "br-web", out: "br-web" })).toBe("DROP");
  });
});

describe("a replica's port", () => {
  const rules = (): TableFact => (state("port-rules", "hv1") as PortRulesState).table;
  const port = linkNames.port("w", one.incarnation);
  const [mac, ip] = [macOf(one.address), one.address as string];
  const send = (frame: Packet): string => verdict(rules(), "PREROUTING", { in: port, from: mac, ...frame });

  test("passes what is from its own addresses", () => {
    expect(send({ protocol: "IPv4", ip })).toBe("ACCEPT");
    expect(send({ protocol: "ARP", arp: { ip, mac } })).toBe("ACCEPT");
  });

  test.each<[string, Packet]>([
    ["another's MAC", { from: macOf(other.address), protocol: "IPv4", ip }],
    ["another's address", { protocol: "IPv4", ip: other.address }],
    ["another's address in an ARP message", { protocol: "ARP", arp: { ip: other.address, mac } }],
    ["IPv6", { protocol: "IPv6" }],
  ])("passes nothing from %s", (_, frame) => {
    expect(send(frame)).toBe("DROP");
  });

  test("that nobody knows passes nothing", () => {
    expect(send({ in: "wzzzzzzzz", protocol: "IPv4", ip })).toBe("DROP");
  });

  test("is locked, and on the management network it reaches no other one", () => {
    const flags = on.observed.filter(isPort).map(({ name, state: is }) => [name[0], is.flags] as const);
    expect(flags).toHaveLength(4);
    for (const [role, { locked, isolated }] of flags)
      expect([role, locked, isolated]).toEqual([role, true, role === "m"]);
  });
});

test("of packets that carry a tenant's VXLAN id only its own hypervisors' are taken", () => {
  const { segments } = state("guard", "hv1") as GuardState;
  const chain = chainOf(FLEET);
  const table = { chains: {}, rules: Object.values(segments).flat() };
  const [id = Number.NaN] = Object.keys(segments).map(Number);
  const from = (address: string, vxlan: number): string =>
    verdict(table, chain, { protocol: "udp", from: address, vxlan });
  expect(from("198.18.0.12", id)).toBe("RETURN");
  expect(from("198.18.0.99", id)).toBe("DROP");
  // Somebody else's is nobody's business.
  expect(from("198.18.0.99", 77)).toBe("RETURN");
});

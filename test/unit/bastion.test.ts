import { describe, expect, test } from "@jest/globals";
import type { Tenant } from "../../src/api/kinds.gen.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { isNat } from "../../src/resources/nat.ts";
import { isBastion } from "../../src/resources/bastion.ts";
import { operationsOf } from "../../src/plan/order.ts";
import { observe } from "../../src/resources/index.ts";
import { bastionLabels, bastionName, readBastionMark, readMark } from "../../src/resources/marks.ts";
import { observation } from "./cli-values.ts";
import { FLEET, pass, type Scenario, scenario, short, subnet, T2, tenant } from "./scenario.ts";

const BASTION: NonNullable<Tenant["spec"]["bastion"]> = {
  address: "198.18.100.20" as never,
  port: 2222,
  image: "evenkeel/bastion:1",
  authorizedKeys: ["ssh-ed25519 AAAA; reboot", "ssh-ed25519 BBBB"],
};

const withBastion = (change: Partial<typeof BASTION> = {}): Tenant =>
  tenant({ bastion: { ...BASTION, ...change } });

function converged(change: Partial<Scenario> = {}): Scenario {
  const on = scenario({ tenant: withBastion(), ...change });
  pass(on);
  return on;
}

const about = (entries: ReturnType<typeof pass>): string[] =>
  entries
    .filter(({ kind, subnet: of }) => kind === "bastion" || (kind === "port" && of === undefined))
    .map(short);

const stateOf = (on: Scenario, kind: string, hypervisor: string, name?: string): unknown =>
  on.observed.find(
    (one) => one.kind === kind && one.hypervisor === hypervisor && (name ?? one.name) === one.name,
  )?.state;

describe("a bastion", () => {
  test("stands at home alone, with a port on the management network that is locked and not isolated", () => {
    const on = scenario({ tenant: withBastion() });
    const entries = pass(on);
    expect(entries.filter(({ kind }) => kind === "bastion").map(({ hypervisor }) => hypervisor)).toEqual([
      "hv1",
    ]);
    const ports = on.observed.filter(({ kind, subnet: of }) => kind === "port" && of === undefined);
    expect(ports).toHaveLength(1);
    expect(ports[0]?.state).toMatchObject({
      master: "mgmt",
      flags: { locked: true, isolated: false, flood: false, learning: false },
      inside: { device: "eth0", address: "192.168.252.254/24", gateway: "192.168.252.1" },
    });
    expect(pass(on)).toEqual([]);
  });

  test("is given its keys as data, and keeps its host key on the hypervisor", () => {
    const on = converged();
    const request = on.observed.find(isBastion)?.state.request;
    if (!request) throw new Error("no bastion was asked for");
    expect(request.env).toEqual([{ name: "AUTHORIZED_KEYS", value: BASTION.authorizedKeys.join("\n") }]);
    expect(request.command?.join(" ")).not.toContain("AAAA");
    expect(request.mounts).toEqual([
      { directory: "/var/lib/evenkeel/campus/bastions/t2", inside: "/etc/evenkeel", readOnly: false },
      { directory: "/var/lib/evenkeel/campus/published/t2", inside: "/srv/evenkeel", readOnly: true },
    ]);
  });

  test("is reached at its address and port alone, and nothing else reaches the management network", () => {
    const on = converged();
    const nat = on.observed.find(isNat)?.state.table.rules ?? [];
    expect(nat.filter((rule) => rule.includes("192.168.252."))).toEqual([
      "-A PREROUTING --dport 2222 -d 198.18.100.20 -p tcp -j DNAT --to-destination 192.168.252.254:22",
    ]);
    const filter = JSON.stringify(stateOf(on, "filter", "hv1"));
    const ways = filter.match(/-A FORWARD [^"]*-o mgmt[^"]*/g) ?? [];
    expect(ways.length).toBeGreaterThan(0);
    // As it is written, and as it is compared.
    for (const way of ways)
      expect(way).toMatch(/ -d 192\.168\.252\.254(\/32)? -i (up0|loc0) .*--ctstate DNAT/);
    expect(stateOf(on, "uplink", "hv1")).toMatchObject({
      addresses: ["198.18.100.10/24", "198.18.100.20/24"],
    });
  });

  test("is known on a standby, where of the management network only the gateway is besides", () => {
    const on = converged();
    expect(stateOf(on, "neighbours", "hv2", "mgmt")).toMatchObject({
      entries: { "192.168.252.1": "02:01:c0:a8:fc:01", "192.168.252.254": "02:01:c0:a8:fc:fe" },
    });
    expect(stateOf(on, "forwarding", "hv2", "vxmgmt")).toMatchObject({
      remote: { "02:01:c0:a8:fc:01": "198.18.0.11", "02:01:c0:a8:fc:fe": "198.18.0.11" },
    });
  });

  test("with other keys is another one; without them written it goes, and its replicas stay", () => {
    const on = converged();
    on.tenant = withBastion({ authorizedKeys: ["ssh-ed25519 CCCC"] });
    const changes = pass(on);
    expect(about(changes).filter((line) => line.includes("bastion"))).toHaveLength(2);
    // The old one first: both have the same address.
    const steps = operationsOf(changes).flatMap(({ tool }) =>
      tool === "engine" || tool === "remove-container" ? [tool] : [],
    );
    expect(steps).toEqual(["remove-container", "engine"]);
    expect(pass(on)).toEqual([]);
    on.tenant = tenant();
    const gone = pass(on);
    expect(about(gone).every((line) => line.startsWith("-"))).toBe(true);
    expect(gone.some(({ kind }) => kind === "container")).toBe(false);
    expect(on.observed.some(({ kind }) => kind === "bastion")).toBe(false);
    expect(pass(on)).toEqual([]);
  });

  test("alone, without a service, has the uplink to itself", () => {
    const on = converged({
      tenant: tenant({ bastion: BASTION, serviceAddresses: [] }),
      subnets: [subnet("web", 1)],
    });
    expect(stateOf(on, "uplink", "hv1")).toMatchObject({ addresses: ["198.18.100.20/24"] });
    expect(pass(on)).toEqual([]);
  });

  test("is left alone where Docker does not answer, and made again where somebody removed it", () => {
    const on = converged();
    const standing = on.observed;
    on.observed = standing.filter(({ kind, subnet: of }) => kind !== "bastion" && !(kind === "port" && !of));
    on.withoutDocker = ["hv1"];
    expect(about(pass(on))).toEqual([]);
    on.withoutDocker = [];
    expect(about(pass(on))).toHaveLength(2);
    expect(on.observed).toHaveLength(standing.length);
  });

  describe("whose tenant moves", () => {
    const elsewhere = tenant({
      bastion: BASTION,
      primary: trusted<HypervisorName>("hv2"),
      standby: [{ name: trusted<HypervisorName>("hv1") }],
    });
    const homes = (on: Scenario) => on.observed.filter(isBastion).map(({ hypervisor }) => hypervisor);

    test("stands at the new home as soon as it is gone from the old one, and not before", () => {
      const on = converged();
      const standing = on.observed.filter(isBastion);
      on.tenant = elsewhere;
      on.withoutDocker = ["hv1"];
      pass(on);
      expect(on.fleet.tenants[T2]?.primary).toBe("hv2");
      expect(homes(on)).not.toContain("hv2");
      // Unseen is not gone.
      on.observed = on.observed.filter((one) => !isBastion(one));
      pass(on);
      expect(homes(on)).toEqual([]);
      expect(on.notes).toContainEqual({
        reason: "Progressing",
        object: "tenant/t2",
        message: "the bastion waits until it is seen to be gone from hv1",
        severity: "waiting",
      });
      on.observed = [...on.observed, ...standing];
      on.withoutDocker = [];
      pass(on);
      expect(homes(on)).toEqual(["hv2"]);
      expect(on.notes).toEqual([]);
      expect(pass(on)).toEqual([]);
    });

    test("waits for nothing where somebody said that the old home is off", () => {
      const on = converged();
      on.tenant = elsewhere;
      on.unseen = ["hv1"];
      pass(on);
      on.fleet = { ...on.fleet, approvals: on.refusals.map(({ id }) => id) };
      pass(on);
      expect(homes(on)).toContain("hv2");
      on.unseen = [];
      pass(on);
      expect(homes(on)).toEqual(["hv2"]);
    });
  });

  test("goes with its tenant", () => {
    const on = converged();
    pass(on, "everything");
    expect(on.observed).toEqual([]);
  });
});

describe("a bastion's mark", () => {
  const mark = {
    tenant: T2,
    incarnation: "k7f2q9ab" as never,
    address: "192.168.252.254" as never,
    made: "1:0",
  };
  const summary = { name: bastionName(FLEET, mark), labels: bastionLabels(FLEET, mark) };

  test("is read back, and is no replica's", () => {
    expect(readBastionMark(FLEET, summary)).toEqual(mark);
    expect(readMark(FLEET, summary)).toBeUndefined();
  });

  test.each([
    ["another fleet's", { labels: { ...summary.labels, "dev.evenkeel.fleet": "other" } }],
    ["another name than it says", { name: `${summary.name}x` }],
    ["another role", { labels: { ...summary.labels, "dev.evenkeel.role": "cook" } }],
    ["none", { labels: {} }],
  ])("is not ours with %s", (_, change) => {
    expect(readBastionMark(FLEET, { ...summary, ...change })).toBeUndefined();
  });

  test("in Docker's list shows a bastion, and nobody's replica", () => {
    const on = scenario();
    const [facts] = observation(on).seen.values();
    if (!facts) throw new Error("not seen");
    const container = { ...summary, id: "c1", image: "", imageId: "", state: "running" };
    const seen = observe({ ...facts, containers: [container] }, FLEET);
    expect(seen.map(({ kind, tenant: of }) => [kind, of])).toEqual([["bastion", "t2"]]);
  });
});

describe("which bastion there is to be", () => {
  const incarnations = (on: Scenario): string[] =>
    on.observed.filter(isBastion).map(({ state }) => state.mark.incarnation);

  test("is the one that stands, also when the ledger was lost", () => {
    const on = converged();
    const before = incarnations(on);
    pass(on);
    expect(incarnations(on)).toEqual(before);
    on.fleet = emptyMemory(FLEET);
    expect(about(pass(on))).toEqual([]);
    expect(incarnations(on)).toEqual(before);
  });

  test("is a fresh one where it was removed by hand, and the same where nobody could look", () => {
    const on = converged();
    pass(on); // it was seen
    const [before] = incarnations(on);
    const without = on.observed.filter(
      ({ kind, subnet: of }) => kind !== "bastion" && !(kind === "port" && !of),
    );
    on.observed = without;
    on.withoutDocker = ["hv1"];
    pass(on);
    expect(on.fleet.tenants[T2]?.bastion?.incarnation).toBe(before);
    on.withoutDocker = [];
    pass(on);
    expect(incarnations(on)).toHaveLength(1);
    expect(incarnations(on)).not.toContain(before);
  });
});

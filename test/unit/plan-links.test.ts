import { describe, expect, test } from "@jest/globals";
import { guardNames, type Guarded } from "../../src/plan/guard.ts";
import { operationsOf } from "../../src/plan/order.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import { keyOf } from "../../src/resources/resource.ts";
import {
  alter,
  FLEET,
  hypervisor,
  pass,
  scenario,
  type Scenario,
  serving,
  short,
  subnet,
} from "./scenario.ts";

/** Two replicas at home, and one on the standby. */
const elsewhere = () =>
  scenario({
    subnets: [subnet("web", 3, { service: serving() })],
    hypervisors: [
      hypervisor("hv1", "198.18.0.11", { replicas: 2 }),
      hypervisor("hv2", "198.18.0.12", { replicas: 50 }),
    ],
  });

describe("what a link takes along", () => {
  const lines = (plan: readonly PlanEntry[], kind: string): string[] =>
    plan
      .filter((entry) => entry.kind === kind)
      .flatMap(({ operations }) => operations.flatMap((one) => ("lines" in one ? one.lines : [])));

  test.each(["hv1", "hv2"])("is written again with a VXLAN that is replaced, on %s", (at) => {
    const on = elsewhere();
    const first = pass(on).filter((entry) => entry.hypervisor === (at as never) && entry.name === "vx-web");
    alter(on, `vxlan/${at}/t2/vx-web`, { local: "198.18.0.99" });
    let rounds = 0;
    const plan = pass(on, new Set(), () => rounds++);
    expect(rounds).toBe(2); // the second finds nothing to do
    expect(plan.map(short)).toEqual([`± vxlan vx-web@${at}`, `+ forwarding vx-web@${at}`]);
    expect(lines(plan, "forwarding").length).toBeGreaterThan(0);
    expect(lines(plan, "forwarding")).toEqual(lines(first, "forwarding"));
    expect(pass(on)).toEqual([]);
  });

  test("that is left in one of the two tables only, of a replica that is gone, is taken back from there", () => {
    const on = elsewhere();
    pass(on);
    const key = "forwarding/hv1/t2/vx-web";
    const halves = [
      { device: "vx-web", mac: "02:00:00:00:00:01", destination: "198.18.0.12", table: "self" },
      { device: "vx-web", mac: "02:00:00:00:00:02", destination: undefined, table: "master" },
    ];
    alter(on, key, { ...(on.observed.find((one) => keyOf(one) === key)?.state as object), halves });
    expect(lines(pass(on), "forwarding")).toEqual([
      "fdb del 02:00:00:00:00:01 dev vx-web dst 198.18.0.12 self",
      "fdb del 02:00:00:00:00:02 dev vx-web master",
    ]);
    expect(pass(on)).toEqual([]);
  });

  test("is not taken back from a VXLAN that was replaced, which has none of it", () => {
    const on = scenario();
    pass(on);
    const vxlan = on.observed.find((one) => keyOf(one) === "vxlan/hv1/t2/vx-web");
    if (!vxlan) throw new Error("no VXLAN");
    // All replicas are at home, so that nothing belongs there.
    const state = { device: "vx-web", remote: { "02:01:0a:0d:0d:63": "198.18.0.77" }, broadcast: undefined };
    on.observed = [...on.observed, { ...vxlan, kind: "forwarding", state }];
    alter(on, keyOf(vxlan), { local: "198.18.0.99" });
    expect(pass(on).map(short)).toEqual(["± vxlan vx-web@hv1"]);
    expect(pass(on)).toEqual([]);
  });

  test("is written again with a bridge whose MAC is set back", () => {
    const on = elsewhere();
    pass(on);
    alter(on, "bridge/hv1/t2/br-web", { mac: "02:00:00:00:00:99" });
    const plan = pass(on);
    expect(plan.map(short)).toEqual(["~ bridge br-web@hv1", "+ neighbours br-web@hv1"]);
    expect(lines(plan, "neighbours")).toHaveLength(3);
    expect(pass(on)).toEqual([]);
  });

  test("stays with a bridge of which something else is set back", () => {
    const on = elsewhere();
    pass(on);
    alter(on, "bridge/hv1/t2/br-web", { mtu: 1300 });
    expect(pass(on).map(short)).toEqual(["~ bridge br-web@hv1"]);
  });
});

describe("a device that is not on the hypervisor", () => {
  const HV1 = "hv1" as never;
  const facts = (...names: string[]) =>
    new Map([[HV1, { own: { links: names.map((name) => ({ name })) }, namespaces: new Map() } as never]]);
  const plan = (on: Scenario, ...names: string[]) =>
    guardNames(
      pass(on).filter((entry) => entry.hypervisor === HV1),
      facts(...names),
      FLEET,
    );
  const made = ({ entries }: Guarded): string[] =>
    entries.filter(({ kind }) => ["uplink", "vxlan", "forwarding"].includes(kind)).map(short);

  test("gets nothing hung on it, and says so", () => {
    const guarded = plan(scenario(), "eth0");
    expect(made(guarded)).toEqual(["+ vxlan vx-web@hv1", "+ vxlan vxmgmt@hv1"]);
    expect(guarded.notes).toEqual([
      {
        reason: "HypervisorUnfit",
        object: "tenant/t2",
        message: "hv1 has no device edge, on which up0 is to hang",
        severity: "stuck",
      },
    ]);
  });

  test("costs no link that stands, nor what that link has", () => {
    const on = elsewhere();
    pass(on);
    alter(on, "vxlan/hv1/t2/vx-web", { device: "eth7" });
    const guarded = plan(on, "edge");
    expect(guarded.entries).toEqual([]);
    expect(guarded.notes.map(({ message }) => message)).toEqual([
      "hv1 has no device eth0, on which vx-web is to hang",
    ]);
  });

  test("that is there is gone over to", () => {
    const on = elsewhere();
    pass(on);
    alter(on, "vxlan/hv1/t2/vx-web", { device: "eth7" });
    expect(made(plan(on, "eth0", "edge"))).toEqual(["± vxlan vx-web@hv1", "+ forwarding vx-web@hv1"]);
  });
});

describe("the order of what is done", () => {
  const calls = (plan: readonly PlanEntry[]): string[] =>
    operationsOf(plan).flatMap((one) =>
      "lines" in one ? one.lines.map((line) => `${one.tool} ${line}`) : [],
    );

  test("has every namespace closed before anything is connected in it, to strangers too", () => {
    const plan = pass(scenario());
    for (const at of ["hv1", "hv2"]) {
      const all = calls(plan.filter((entry) => entry.hypervisor === (at as never)));
      const link = all.findIndex((line) => line.includes("link add"));
      for (const closed of ["iptables :FORWARD DROP", "ip6tables :FORWARD DROP"]) {
        const closedAt = all.findIndex((line) => line.startsWith(closed));
        expect(closedAt).toBeGreaterThanOrEqual(0);
        expect(closedAt).toBeLessThan(link);
      }
      const kept = all.findIndex((line) => line.startsWith("host-iptables -A EVENKEEL-"));
      const vxlan = all.findIndex((line) => line.includes("type vxlan"));
      expect([kept >= 0, kept < vxlan]).toEqual([true, true]);
    }
  });

  test("has a port that joins its bridge again down until it is locked", () => {
    const on = scenario();
    pass(on);
    const port = on.observed.find(({ kind, name }) => kind === "port" && name.startsWith("w"));
    if (!port) throw new Error("no port");
    const { name } = port;
    alter(on, keyOf(port), { master: undefined });
    const all = calls(pass(on)).filter((line) => line.includes(`link set ${name} `));
    expect(all.map((line) => line.replace(`ip-inside link set ${name} `, "").split(" ")[0])).toEqual([
      "down",
      "master",
      "type",
      "up",
    ]);
    expect(all[2]).toContain("locked on");
  });
});

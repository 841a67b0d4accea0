import { describe, expect, test } from "@jest/globals";
import { EMPTY_TENANT, withTenant } from "../../src/replicas/memory.ts";
import { homeOf } from "../../src/replicas/home.ts";
import type { Resource } from "../../src/resources/resource.ts";
import { pass, scenario, serving, short, subnet, T2, tenant } from "./scenario.ts";

describe("a home that moves", () => {
  const elsewhere = tenant({ primary: "hv2" as never, standby: [{ name: "hv1" as never }] });

  test("waits for no replica that the balancer leaves out: an unhealthy one, or one of a subnet without a service", () => {
    const back = { cidr: "10.13.14.0/24" as never };
    const on = scenario({ subnets: [subnet("web", 2, { service: serving() }), subnet("back", 1, back)] });
    pass(on);
    const memory = on.fleet.tenants[T2];
    if (!memory) throw new Error("nothing is remembered");
    const sick = memory.replicas.map((one) =>
      one.subnet === "web" && one.ordinal === 2 ? { ...one, unhealthySince: on.now } : one,
    );
    on.fleet = { ...on.fleet, tenants: { [T2]: { ...memory, replicas: sick } } };
    on.tenant = elsewhere;
    pass(on);
    expect(on.fleet.tenants[T2]?.primary).toBe("hv2");
  });

  test("makes the new one's rules, then takes the old one's answer away, and only then lets the new one answer", () => {
    const on = scenario();
    pass(on);
    on.tenant = elsewhere;
    const plan = pass(on).map(short);
    const [rules, silence, answer] = ["+ nat t2@hv2", "- uplink t2@hv1", "+ uplink t2@hv2"].map((entry) =>
      plan.indexOf(entry),
    );
    expect([rules, silence, answer]).toEqual([rules, silence, answer].toSorted((x = 0, y = 0) => x - y));
    expect(rules).toBeGreaterThanOrEqual(0);
    const homes = (kind: string): string[] =>
      on.observed.filter((one) => one.kind === kind).map(({ hypervisor: at }) => at);
    expect([homes("uplink"), homes("nat")]).toEqual([["hv2"], ["hv2"]]);
    expect(on.news).toContainEqual(expect.objectContaining({ reason: "HomeMoved" }));
    expect(pass(on)).toEqual([]);
  });

  test("back again before it is over, it stays where it was", () => {
    const on = scenario();
    pass(on);
    const before = on.observed;
    on.fleet = withTenant(
      on.fleet,
      T2,
      { ...(on.fleet.tenants[T2] ?? EMPTY_TENANT), move: { to: "hv2" as never, withdrawn: true } },
      on.now,
    );
    pass(on);
    expect(on.observed).toEqual(before);
    expect(on.fleet.tenants[T2]?.move).toBeUndefined();
  });

  test("goes without the old one when somebody says that it is off", () => {
    const on = scenario();
    pass(on);
    on.tenant = elsewhere;
    on.unseen = ["hv1"];
    pass(on);
    const [refusal] = on.refusals;
    expect(refusal).toMatchObject({ object: "tenant/t2", confirm: "old-home-off" });
    on.fleet = { ...on.fleet, approvals: [refusal?.id ?? ""] };
    const plan = pass(on).map(short);
    expect(plan).toEqual(expect.arrayContaining(["+ uplink t2@hv2", "+ nat t2@hv2"]));
    on.unseen = [];
    expect(pass(on).map(short)).toEqual(expect.arrayContaining(["- uplink t2@hv1", "- nat t2@hv1"]));
    expect(pass(on)).toEqual([]);
  });

  test("stays while the old one is not seen: two gateways would answer", () => {
    const on = scenario();
    pass(on);
    on.tenant = elsewhere;
    on.unseen = ["hv1"];
    expect(pass(on).filter(({ kind }) => kind === "uplink")).toEqual([]);
    expect(on.notes).toContainEqual(expect.objectContaining({ reason: "HomeUnreachable" }));
  });

  test("stays while the new one is not seen", () => {
    const on = scenario();
    pass(on);
    on.tenant = elsewhere;
    on.unseen = ["hv2"];
    expect(pass(on)).toEqual([]);
    expect(on.notes).toContainEqual(expect.objectContaining({ reason: "HomeUnreachable" }));
  });

  describe("on its way", () => {
    const on = scenario();
    pass(on);
    const memory = on.fleet.tenants[T2];
    if (!memory) throw new Error("nothing is remembered");
    const HV2 = "hv2" as never;
    /** The next step of a move that is so far, where all of that stands. */
    const next = (withdrawn: boolean, observed: readonly Resource[]) =>
      homeOf(
        { ...memory, move: { to: HV2, withdrawn } },
        {
          tenant: T2,
          document: elsewhere,
          approvals: [],
          observed,
          seen: new Set(["hv1", "hv2"] as never[]),
          visible: {
            docker: new Set(["hv1", "hv2"] as never[]),
            libvirt: new Set(["hv1", "hv2"] as never[]),
          },
          connections: {},
          answers: new Map(),
        },
      );
    const nat = on.observed.filter(({ kind }) => kind === "nat");
    const there = nat.map((one) => ({ ...one, hypervisor: HV2 }));

    test("silences the old one only when the new one's balancer points at all that serve", () => {
      expect(next(false, on.observed).move).toMatchObject({ withdrawn: false });
      const empty = { table: { chains: {}, rules: [] }, udp: {} };
      const half = there.map((one) => ({ ...one, state: empty }));
      expect(next(false, [...on.observed, ...half]).move).toMatchObject({ withdrawn: false });
      expect(next(false, [...on.observed, ...there]).move).toMatchObject({ withdrawn: true });
    });

    test("is not there as long as the old one still answers, although it was told not to", () => {
      expect(next(true, on.observed).primary).toBe("hv1");
      const silent = on.observed.filter(({ kind }) => kind !== "uplink" && kind !== "local-pair");
      expect(next(true, silent).primary).toBe("hv2");
    });
  });
});

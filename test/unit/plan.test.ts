import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { guardNames, type Guarded } from "../../src/plan/guard.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import { EMPTY_TENANT, withTenant } from "../../src/replicas/memory.ts";
import { keyOf, type Resource } from "../../src/resources/resource.ts";
import {
  FLEET,
  hypervisor,
  pass,
  T2,
  type Scenario,
  scenario,
  serving,
  short,
  subnet,
  tenant,
} from "./scenario.ts";

const replicas = (observed: readonly Resource[]): string[] =>
  observed
    .filter(({ kind }) => kind === "container")
    .map(({ name, hypervisor: at }) => `${name.split(".").at(-2)}@${at}`)
    .toSorted();

/** What stands, but for tables that are not there while they would be empty. */
const standing = (observed: readonly Resource[]): string[] =>
  observed
    .map(({ kind }) => kind)
    .filter((kind) => !["forwarding", "neighbours"].includes(kind))
    .toSorted();

describe("from nothing", () => {
  test("a tenant gets its network on every hypervisor and its replicas at home", () => {
    const on = scenario();
    const plan = pass(on).map(short);
    expect(plan.filter((line) => line.includes("netns"))).toEqual(["+ netns t2@hv1", "+ netns t2@hv2"]);
    expect(plan.filter((line) => line.includes("uplink"))).toEqual(["+ uplink t2@hv1"]);
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv1"]);
  });

  test("a second pass plans nothing", () => {
    const on = scenario();
    pass(on);
    expect(pass(on)).toEqual([]);
  });

  test("with the ledger lost it still plans nothing", () => {
    const on = scenario();
    pass(on);
    on.fleet = scenario().fleet;
    expect(pass(on).map(short)).toEqual([]);
  });

  test("what home has no room for goes to the standby", () => {
    const small = hypervisor("hv1", "198.18.0.11", { replicas: 50, cpu: "1400m" });
    const on = scenario({
      subnets: [subnet("web", 3, { service: serving() })],
      hypervisors: [small, hypervisor("hv2", "198.18.0.12")],
    });
    pass(on);
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv1", "web-3@hv2"]);
  });

  test("a replica that does not answer gets no requests", () => {
    const on = scenario({ mute: [2] });
    pass(on);
    const nat = on.observed.find(({ kind }) => kind === "nat");
    expect(
      JSON.stringify(nat?.state)
        .match(/to-destination 10\.13\.13\.\d+:8080/g)
        ?.toSorted(),
    ).toEqual(
      Array(2).fill("to-destination 10.13.13.2:8080"), // written once to compare, once to restore
    );
  });
});

describe("an incomplete look", () => {
  test("nothing is planned for a hypervisor that was not seen, and its replicas are kept", () => {
    const on = scenario({
      hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: 1 }), hypervisor("hv2", "198.18.0.12")],
    });
    pass(on);
    on.unseen = ["hv2"];
    expect(pass(on)).toEqual([]);
    expect(on.fleet.tenants[T2]).toMatchObject({
      replicas: [{ phase: "serving" }, { phase: "serving" }],
    });
  });

  test("where Docker is silent links are mended and containers left alone", () => {
    const on = scenario();
    pass(on);
    on.observed = on.observed.filter(({ kind }) => !["container", "port", "bridge"].includes(kind));
    on.withoutDocker = ["hv1", "hv2"];
    expect(new Set(pass(on).map(({ kind }) => kind))).toEqual(new Set(["bridge"]));
  });
});

describe("a roll", () => {
  test("makes each new replica before its old one is drained, one at a time, and keeps ordinals", () => {
    const on = scenario();
    pass(on);
    on.subnets = [
      subnet("web", 2, {
        service: serving(),
        workload: { ...subnet("web", 2).spec.workload, image: "evenkeel/web:2" },
      }),
    ];
    const steps = pass(on)
      .map(short)
      .filter((line) => line.includes("container"));
    expect(steps).toEqual([
      "+ container web-1@hv1",
      "~ container web-1@hv1",
      "+ container web-2@hv1",
      "- container web-1@hv1",
      "~ container web-2@hv1",
      "- container web-2@hv1",
    ]);
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv1"]);
  });

  test("a new one that does not answer stops it", () => {
    const on = scenario();
    pass(on);
    const before = replicas(on.observed);
    on.mute = [1];
    on.subnets = [
      subnet("web", 2, {
        service: serving(),
        workload: { ...subnet("web", 2).spec.workload, image: "evenkeel/broken:1" },
      }),
    ];
    pass(on);
    expect(replicas(on.observed)).toEqual([...before, "web-1@hv1"].toSorted());
  });
});

describe("a network that changes", () => {
  const moved = () => [subnet("web", 2, { cidr: "10.20.0.0/24" as never, service: serving() })];

  test("waits for approval while replicas stand in it, and touches nothing", () => {
    const on = scenario();
    pass(on);
    on.subnets = moved();
    expect(pass(on)).toEqual([]);
    expect(on.refusals).toHaveLength(1);
  });

  test("once approved drains them all, and makes new ones in the new network", () => {
    const on = scenario();
    pass(on);
    on.subnets = moved();
    pass(on);
    on.fleet = { ...on.fleet, approvals: on.refusals.map(({ id }) => id) };
    pass(on);
    pass(on);
    const { replicas: all = [], segments } = on.fleet.tenants[T2] ?? {};
    expect(all.map(({ address, phase }) => `${address.split(".").slice(0, 2).join(".")} ${phase}`)).toEqual([
      "10.20 serving",
      "10.20 serving",
    ]);
    expect(segments).toMatchObject({ web: { cidr: "10.20.0.0/24", gateway: "10.20.0.1" } });
    expect(pass(on)).toEqual([]);
  });

  test("an empty one changes without a word", () => {
    const on = scenario({ subnets: [subnet("web", 0)] });
    pass(on);
    on.subnets = [subnet("web", 0, { cidr: "10.20.0.0/24" as never })];
    expect(new Set(pass(on).map(short))).toContain("~ bridge br-web@hv1");
    expect(on.refusals).toEqual([]);
  });
});

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
});

/** Changes one resource as it stands, as somebody did by hand or a former manifest had it. */
const change = (on: Scenario, key: string, state: object): void => {
  expect(on.observed.map(keyOf)).toContain(key);
  on.observed = on.observed.map((one) =>
    keyOf(one) === key ? { ...one, state: { ...(one.state as object), ...state } } : one,
  );
};

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
    change(on, `vxlan/${at}/t2/vx-web`, { local: "198.18.0.99" });
    let rounds = 0;
    const plan = pass(on, new Set(), () => rounds++);
    expect(rounds).toBe(2); // the second finds nothing to do
    expect(plan.map(short)).toEqual([`± vxlan vx-web@${at}`, `+ forwarding vx-web@${at}`]);
    expect(lines(plan, "forwarding").length).toBeGreaterThan(0);
    expect(lines(plan, "forwarding")).toEqual(lines(first, "forwarding"));
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
    change(on, keyOf(vxlan), { local: "198.18.0.99" });
    expect(pass(on).map(short)).toEqual(["± vxlan vx-web@hv1"]);
    expect(pass(on)).toEqual([]);
  });

  test("is written again with a bridge whose MAC is set back", () => {
    const on = elsewhere();
    pass(on);
    change(on, "bridge/hv1/t2/br-web", { mac: "02:00:00:00:00:99" });
    const plan = pass(on);
    expect(plan.map(short)).toEqual(["~ bridge br-web@hv1", "+ neighbours br-web@hv1"]);
    expect(lines(plan, "neighbours")).toHaveLength(3);
    expect(pass(on)).toEqual([]);
  });

  test("stays with a bridge of which something else is set back", () => {
    const on = elsewhere();
    pass(on);
    change(on, "bridge/hv1/t2/br-web", { mtu: 1300 });
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
    change(on, "vxlan/hv1/t2/vx-web", { device: "eth7" });
    const guarded = plan(on, "edge");
    expect(guarded.entries).toEqual([]);
    expect(guarded.notes.map(({ message }) => message)).toEqual([
      "hv1 has no device eth0, on which vx-web is to hang",
    ]);
  });

  test("that is there is gone over to", () => {
    const on = elsewhere();
    pass(on);
    change(on, "vxlan/hv1/t2/vx-web", { device: "eth7" });
    expect(made(plan(on, "eth0", "edge"))).toEqual(["± vxlan vx-web@hv1", "+ forwarding vx-web@hv1"]);
  });
});

describe("a segment that was remembered, but made in part", () => {
  test("is finished, whatever of it is there", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), (made) => {
        const on = scenario({ subnets: [subnet("web", 0)] });
        pass(on);
        const whole = on.observed.map(keyOf).toSorted();
        const segment = on.fleet.tenants[T2]?.segments;
        const parts = on.observed.filter(({ subnet: of }) => of !== undefined);
        const missing = new Set(parts.filter((_, index) => made[index] === false).map(keyOf));
        expect(parts).toHaveLength(6);
        on.observed = on.observed.filter((one) => !missing.has(keyOf(one)));
        pass(on);
        expect(on.observed.map(keyOf).toSorted()).toEqual(whole);
        expect(on.fleet.tenants[T2]?.segments).toEqual(segment);
        expect(pass(on)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("what must not happen", () => {
  test("a gateway does not move to a home that is not seen", () => {
    const on = scenario();
    pass(on);
    on.tenant = tenant({ primary: "hv2" as never, standby: [{ name: "hv1" as never }] });
    on.unseen = ["hv2"];
    expect(pass(on)).toEqual([]);
    expect(on.notes).toContainEqual(expect.objectContaining({ reason: "HomeUnreachable" }));
  });

  test("a replica does not end while the balancer cannot be seen to have let go of it", () => {
    const small = hypervisor("hv1", "198.18.0.11", { replicas: 1 });
    const on = scenario({ hypervisors: [small, hypervisor("hv2", "198.18.0.12")] });
    pass(on);
    on.subnets = [subnet("web", 1, { service: serving() })];
    on.unseen = ["hv1"];
    pass(on);
    pass(on);
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv2"]);
    on.unseen = [];
    pass(on);
    expect(replicas(on.observed)).toEqual(["web-1@hv1"]);
  });

  test("of two incarnations of one ordinal one alone stays, the one that serves", () => {
    const on = scenario();
    pass(on);
    const [first] = on.fleet.tenants[T2]?.replicas ?? [];
    const memory = on.fleet.tenants[T2];
    if (!first || !memory) throw new Error("no replica");
    const twin = {
      ...first,
      incarnation: "zzzzzzzz" as never,
      address: "10.13.13.99" as never,
      managementAddress: "192.168.252.99" as never,
      phase: "starting" as const,
    };
    on.fleet = {
      ...on.fleet,
      tenants: { [T2]: { ...memory, replicas: [...memory.replicas, { ...twin, seen: false }] } },
    };
    pass(on);
    pass(on);
    expect(on.fleet.tenants[T2]?.replicas.map(({ incarnation }) => incarnation)).not.toContain("zzzzzzzz");
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv1"]);
  });

  test("replicas of a subnet without a document stay as long as its removal was not let through", () => {
    const on = scenario({
      subnets: [
        subnet("db", 2, { cidr: "10.13.14.0/24" as never }),
        subnet("web", 2, { service: serving() }),
      ],
    });
    pass(on);
    on.fleet = scenario().fleet;
    on.subnets = on.subnets.filter(({ metadata }) => metadata.name !== ("db" as never));
    pass(on);
    const phases = on.fleet.tenants[T2]?.replicas
      .filter(({ subnet: of }) => of === ("db" as never))
      .map(({ phase }) => phase);
    expect(phases).toEqual(["starting", "starting"]);
  });
});

describe("removal", () => {
  test("a tenant goes in an order that never strands a namespace: containers first, namespace last", () => {
    const on = scenario();
    pass(on);
    const plan = pass(on, "everything");
    expect(on.observed).toEqual([]);
    const kinds = plan.filter(({ verb }) => verb === "remove").map(({ kind }) => kind);
    expect(kinds.lastIndexOf("container")).toBeLessThan(kinds.indexOf("netns"));
  });

  test("a subnet that lost its file takes nothing else along", () => {
    const on = scenario({
      subnets: [
        subnet("db", 1, { cidr: "10.13.14.0/24" as never }),
        subnet("web", 2, { service: serving() }),
      ],
    });
    pass(on);
    pass(on, new Set(["db" as never]));
    on.subnets = on.subnets.filter(({ metadata }) => metadata.name !== ("db" as never));
    pass(on);
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv1"]);
    expect(on.observed.filter((resource) => resource.subnet === ("db" as never))).toEqual([]);
  });
});

describe("properties", () => {
  const worlds = fc.record({
    counts: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
    home: fc.integer({ min: 0, max: 6 }),
    standby: fc.boolean(),
    egress: fc.constantFrom("none" as const, "snat" as const),
  });
  const build = ({
    counts,
    home,
    standby,
    egress,
  }: {
    counts: number[];
    home: number;
    standby: boolean;
    egress: "none" | "snat";
  }) =>
    scenario({
      tenant: tenant({ egress, standby: standby ? tenant().spec.standby : [] }),
      subnets: counts.map((count, index) =>
        subnet(`s${index}`, count, {
          cidr: `10.13.${index}.0/24` as never,
          ...(index === 0 && { service: serving() }),
        }),
      ),
      hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: home }), hypervisor("hv2", "198.18.0.12")],
    });

  test("plan again is empty, whatever was wanted", () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const on = build(world);
        pass(on);
        expect(pass(on).map(short)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test("whatever was deleted by hand comes back, and then nothing more", () => {
    fc.assert(
      fc.property(worlds, fc.array(fc.nat(), { maxLength: 6 }), (world, victims) => {
        const on = build(world);
        pass(on);
        const kinds = standing(on.observed);
        const gone = new Set(victims.map((victim) => victim % Math.max(1, on.observed.length)));
        on.observed = on.observed.filter((_, index) => !gone.has(index));
        pass(on);
        expect(pass(on).map(short)).toEqual([]);
        expect(standing(on.observed)).toEqual(kinds);
      }),
      { numRuns: 40 },
    );
  });

  test("whatever link was made from something else is as wanted after one pass", () => {
    fc.assert(
      fc.property(worlds, fc.nat(), fc.constantFrom("local", "id", "mac"), (world, victim, field) => {
        const on = build(world);
        pass(on);
        const made = on.observed.filter(({ kind }) => kind === (field === "mac" ? "bridge" : "vxlan"));
        const one = made[victim % Math.max(1, made.length)];
        if (!one) return;
        const follower = field === "mac" ? "neighbours" : "forwarding";
        const follows = on.observed.some(
          ({ kind, hypervisor: at, name }) => kind === follower && at === one.hypervisor && name === one.name,
        );
        change(on, keyOf(one), { [field]: field === "id" ? 4_000_000 : "nothing" });
        const plan = pass(on).map(({ kind, name }) => `${kind} ${name}`);
        expect(plan).toEqual([`${one.kind} ${one.name}`, ...(follows ? [`${follower} ${one.name}`] : [])]);
        expect(pass(on)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test("no two replicas share an address, and none has the gateway's", () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const on = build(world);
        pass(on);
        const { replicas: all = [] } = on.fleet.tenants[T2] ?? {};
        const data = all.map(({ subnet: of, address }) => `${of} ${address}`);
        const management = all.map(({ managementAddress }) => managementAddress);
        expect(new Set(data).size).toBe(data.length);
        expect(new Set(management).size).toBe(management.length);
        expect([...data, ...management].filter((one) => one.endsWith(".1"))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

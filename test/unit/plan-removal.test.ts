import { describe, expect, test } from "@jest/globals";
import { hypervisor, pass, replicas, scenario, serving, short, subnet, T2, tenant } from "./scenario.ts";

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

describe("what must not happen", () => {
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

describe("what was not seen to be gone", () => {
  test("is remembered to be there, and removed when it can be", () => {
    const on = scenario();
    pass(on);
    on.tenant = tenant({ standby: [] });
    on.unseen = ["hv2"];
    pass(on);
    expect(on.fleet.tenants[T2]?.hypervisors).toEqual(["hv1", "hv2"]);
    on.unseen = [];
    expect(pass(on).map(short)).toContain("- netns t2@hv2");
    pass(on);
    expect(on.fleet.tenants[T2]?.hypervisors).toEqual(["hv1"]);
  });
});

test("a replica that is too many drains before it is told to end", () => {
  const on = scenario({ subnets: [subnet("web", 2, { service: serving() })] });
  pass(on);
  on.subnets = [subnet("web", 1, { service: serving() })];
  const phases: string[] = [];
  pass(on, new Set(), (standing) =>
    phases.push(...standing.filter(({ ordinal }) => ordinal === 2).map(({ phase }) => phase)),
  );
  expect([...new Set(phases)]).toEqual(["draining", "stopping", "leaving"]);
});

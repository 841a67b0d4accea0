import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { keyOf } from "../../src/resources/resource.ts";
import { hypervisor, pass, replicas, scenario, serving, short, subnet, T2 } from "./scenario.ts";

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

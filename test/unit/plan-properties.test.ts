import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { keyOf, type Resource } from "../../src/resources/resource.ts";
import { alter, hypervisor, pass, scenario, serving, short, subnet, T2, tenant } from "./scenario.ts";

/** What stands, but for tables that are not there while they would be empty. */
const standing = (observed: readonly Resource[]): string[] =>
  observed
    .map(({ kind }) => kind)
    .filter((kind) => !["forwarding", "neighbours"].includes(kind))
    .toSorted();

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
        alter(on, keyOf(one), { [field]: field === "id" ? 4_000_000 : "nothing" });
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

import { describe, expect, test } from "@jest/globals";
import type { Autoscale } from "../../src/api/kinds.gen.ts";
import { type HypervisorName, type SubnetName, trusted } from "../../src/api/names.ts";
import { type Candidate, place, placeAll } from "../../src/autoscale/place.ts";
import { withTenant } from "../../src/replicas/memory.ts";
import { pass, scenario, serving, subnet, T2, hypervisor, tenant } from "./scenario.ts";

const AUTOSCALE: Autoscale = {
  mode: "off",
  scaleOnContention: false,
  thresholds: {},
  step: 1,
  sampleSeconds: 5,
  windowSeconds: 15,
  cooldownSeconds: 60,
};
const NEED = { nanoCpus: 2e8, memory: 1 };

const candidate = (name: string, change: Partial<Candidate> = {}): Candidate => ({
  hypervisor: trusted<HypervisorName>(name),
  role: "standby",
  barred: undefined,
  places: 10,
  nanoCpus: undefined,
  memory: undefined,
  load: 0.1,
  band: { min: 0.5, max: 0.8 },
  price: 0,
  ...change,
});
const home = (change: Partial<Candidate> = {}): Candidate => candidate("hv1", { role: "home", ...change });

describe("a replica", () => {
  test("goes where there is room, and it is said why not elsewhere", () => {
    const full = home({ places: 0 });
    const slow = candidate("hv2", { nanoCpus: 1e8 });
    const barred = candidate("hv3", { barred: "unschedulable" });
    const good = candidate("hv4");
    expect(place([full, slow, barred, good], NEED, "ignored")).toEqual({
      hypervisor: "hv4",
      reasons: ["hv1: no place free", "hv2: 100m CPU free, 200m needed", "hv3: unschedulable"],
      because: "10 places free",
    });
    expect(place([full, slow], NEED, "required").hypervisor).toBeUndefined();
  });

  test("goes home below its max, even where a standby has less to do and costs less", () => {
    const dear = home({ load: 0.79, price: 9 });
    expect(place([candidate("hv2"), dear], NEED, "required")).toMatchObject({
      hypervisor: "hv1",
      because: "load 79 % < 80 %, 10 places free, 9 a replica-hour",
    });
  });

  test("bursts when home is at its max", () => {
    expect(place([home({ load: 0.81 }), candidate("hv2")], NEED, "required")).toEqual({
      hypervisor: "hv2",
      reasons: ["hv1: load 81 % ≥ its max 80 %"],
      because: "load 10 % < 50 %, 10 places free",
    });
    expect(place([home({ load: 0.8 }), candidate("hv2")], NEED, "required").hypervisor).toBe("hv2");
  });

  test.each<[string, Candidate, Candidate]>([
    ["below its min", candidate("hv2", { load: 0.5 }), candidate("hv3", { load: 0.49, price: 3 })],
    ["cheaper", candidate("hv2", { price: 3 }), candidate("hv3", { load: 0.4, price: 2 })],
    ["less loaded", candidate("hv2", { load: 0.3 }), candidate("hv3", { load: 0.2 })],
  ])("prefers a standby that is %s", (_what, worse, better) => {
    expect(place([worse, better], NEED, "required").hypervisor).toBe("hv3");
  });

  test("takes the standby written first where nothing else tells them apart", () => {
    expect(place([candidate("hv3"), candidate("hv2")], NEED, "required").hypervisor).toBe("hv3");
  });

  test("that is scaled goes nowhere without a sample; a permanent one goes all the same", () => {
    const unsampled = home({ load: undefined });
    const loaded = candidate("hv2", { load: 0.95 });
    expect(place([unsampled, loaded], NEED, "required")).toEqual({
      hypervisor: undefined,
      reasons: ["hv1: its load is not known", "hv2: load 95 % ≥ its max 80 %"],
      because: "",
    });
    expect(place([unsampled, loaded], NEED, "preferred").hypervisor).toBe("hv1");
    expect(place([unsampled, candidate("hv2")], NEED, "preferred").hypervisor).toBe("hv2");
  });

  test("that takes another's place stays where that one is, whatever the load", () => {
    const same = candidate("hv2", { role: "same", load: 0.99 });
    expect(place([home(), same], NEED, "required").hypervisor).toBe("hv2");
    expect(place([home(), { ...same, places: 0 }], NEED, "required").hypervisor).toBe("hv1");
    expect(place([home(), { ...same, barred: "unschedulable" }], NEED, "required").hypervisor).toBe("hv1");
  });
});

test("several replicas take their room one after another", () => {
  const places = [home({ places: 1 }), candidate("hv2", { nanoCpus: 3e8 })];
  const placements = placeAll(places, NEED, { use: "required", count: 4 });
  expect(placements.map(({ hypervisor: name }) => name)).toEqual(["hv1", "hv2", undefined]);
  expect(placements.at(-1)?.reasons).toEqual(["hv1: no place free", "hv2: 100m CPU free, 200m needed"]);
});

describe("a tenant's step", () => {
  const places = (on: ReturnType<typeof scenario>): string[] =>
    (on.fleet.tenants[T2]?.replicas ?? []).map(({ ordinal, hypervisor: name }) => `${ordinal}@${name}`);
  const loads = (hv1: number, hv2: number) =>
    new Map([
      [trusted<HypervisorName>("hv1"), hv1],
      [trusted<HypervisorName>("hv2"), hv2],
    ]);

  test("bursts scaled replicas off a loaded home, and leaves the permanent ones there", () => {
    const on = scenario({
      subnets: [subnet("web", 2, { service: serving(), replicas: { min: 2, max: 6 }, autoscale: AUTOSCALE })],
    });
    pass(on);
    on.loads = loads(0.81, 0.1);
    const memory = on.fleet.tenants[T2];
    if (!memory) throw new Error("no memory");
    on.fleet = withTenant(on.fleet, T2, { ...memory, desired: { [trusted<SubnetName>("web")]: 3 } }, on.now);
    pass(on);
    expect(places(on)).toEqual(["1@hv1", "2@hv1", "3@hv2"]);
  });

  test("makes permanent replicas on a loaded home rather than none, and no scaled ones", () => {
    const on = scenario({ loads: loads(0.9, 0.9) });
    on.subnets = [
      subnet("web", 2, { service: serving(), replicas: { min: 2, max: 6 }, autoscale: AUTOSCALE }),
    ];
    pass(on);
    const memory = on.fleet.tenants[T2];
    if (!memory) throw new Error("no memory");
    on.fleet = withTenant(on.fleet, T2, { ...memory, desired: { [trusted<SubnetName>("web")]: 3 } }, on.now);
    pass(on);
    expect(places(on)).toEqual(["1@hv1", "2@hv1"]);
    expect(on.notes).toMatchObject([
      {
        reason: "NowhereToPlace",
        message: "hv1: load 90 % ≥ its max 80 %; hv2: load 90 % ≥ its max 80 %",
      },
    ]);
  });

  test("puts nothing on a hypervisor that was not seen", () => {
    const on = scenario({
      subnets: [subnet("web", 2, { service: serving() })],
      hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: 1 }), hypervisor("hv2", "198.18.0.12")],
      unseen: ["hv2"],
    });
    pass(on);
    expect(on.fleet.tenants[T2]?.replicas.map(({ hypervisor: at }) => at)).toEqual(["hv1"]);
    expect(on.notes).toContainEqual(
      expect.objectContaining({ message: "hv1: no place free; hv2: not seen" }),
    );
  });

  test("puts nothing new on a hypervisor that is unschedulable, and takes nothing away", () => {
    const on = scenario();
    pass(on);
    const [hv1, hv2] = on.hypervisors;
    if (!hv1 || !hv2) throw new Error("no hypervisors");
    on.hypervisors = [{ ...hv1, spec: { ...hv1.spec, unschedulable: true } }, hv2];
    on.subnets = [subnet("web", 3, { service: serving() })];
    pass(on);
    expect(places(on)).toEqual(["1@hv1", "2@hv1", "3@hv2"]);
  });

  test("of several standbys takes the cheaper one where nobody samples", () => {
    const dear = hypervisor("hv2", "198.18.0.12");
    const on = scenario({
      tenant: tenant({ standby: ["hv2", "hv3"].map((name) => ({ name: trusted<HypervisorName>(name) })) }),
      hypervisors: [
        hypervisor("hv1", "198.18.0.11", { replicas: 1 }),
        { ...dear, spec: { ...dear.spec, price: { perReplicaHour: "0.02", currency: "EUR" } } },
        hypervisor("hv3", "198.18.0.13"),
      ],
    });
    pass(on);
    expect(places(on)).toEqual(["1@hv1", "2@hv3"]);
  });
});

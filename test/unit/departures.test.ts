import { describe, expect, test } from "@jest/globals";
import { addressAt, type Cidr } from "../../src/api/addresses.ts";
import { type HypervisorName, type TenantName, trusted } from "../../src/api/names.ts";
import { abandoned, withoutAbandoned } from "../../src/controllers/abandoned.ts";
import { departures, markedOn, rememberDepartures, withStanding } from "../../src/controllers/departures.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import {
  EMPTY_TENANT,
  emptyMemory,
  type FleetMemory,
  type ReplicaMemory,
} from "../../src/replicas/memory.ts";
import { containerName, labelsOf, type ReplicaMark, uuidOf, wordsOf } from "../../src/resources/marks.ts";
import { NOTHING } from "./facts-values.ts";
import { FLEET } from "./scenario.ts";

const name = (text: string) => trusted<TenantName>(text);

/** A fleet that remembers tenants with so many replicas each, all of a subnet `web`. */
function remembering(counts: Record<string, number>): FleetMemory {
  const replica = (tenant: string, ordinal: number) =>
    ({
      tenant,
      subnet: "web",
      ordinal,
      incarnation: `${tenant}${ordinal}`,
      hypervisor: trusted<HypervisorName>("hv1"),
    }) as unknown as ReplicaMemory;
  const tenants = Object.entries(counts).map(([tenant, count]) => [
    tenant,
    { ...EMPTY_TENANT, replicas: Array.from({ length: count }, (_, index) => replica(tenant, index + 1)) },
  ]);
  return { ...emptyMemory(FLEET), tenants: Object.fromEntries(tenants) };
}

/** A tree that holds these tenants, each with these subnets. */
const tree = (tenants: Record<string, string[]>, complete = true): Revision =>
  ({
    complete,
    tenants: new Map(
      Object.entries(tenants).map(([tenant, subnets]) => [
        tenant,
        { name: tenant, tenant: {}, subnets: new Map(subnets.map((one) => [one, {}])), held: undefined },
      ]),
    ),
  }) as unknown as Revision;

const goes = (revision: Revision, memory: FleetMemory) => {
  const { going, refusal } = departures(revision, memory, new Map());
  return { going: [...going.keys()], refused: refusal?.id };
};

describe("what is removed because its files are gone", () => {
  test("is one tenant at a time", () => {
    const memory = remembering({ t1: 2, t2: 2, t3: 2 });
    expect(goes(tree({ t2: ["web"], t3: ["web"] }), memory)).toEqual({ going: ["t1"], refused: undefined });
    expect(goes(tree({ t3: ["web"] }), memory)).toEqual({
      going: [],
      refused: expect.stringMatching(/^[0-9a-f]{7}$/),
    });
  });

  test("is not five replicas or more, if that is over a fifth of the fleet, even of one tenant or subnet", () => {
    const few = remembering({ t1: 5, t2: 5 });
    expect(goes(tree({ t2: ["web"] }), few)).toMatchObject({ going: [], refused: expect.any(String) });
    expect(goes(tree({ t1: [], t2: ["web"] }), few)).toMatchObject({
      going: [],
      refused: expect.any(String),
    });
    expect(goes(tree({ t2: ["web"] }), remembering({ t1: 5, t2: 20 }))).toMatchObject({ going: ["t1"] });
    expect(goes(tree({ t2: ["web"] }), remembering({ t1: 4, t2: 1 }))).toMatchObject({ going: ["t1"] });
  });

  test("is nothing at all when the tree could not be read whole", () => {
    expect(goes(tree({ t2: ["web"] }, false), remembering({ t1: 1, t2: 1 }))).toEqual({
      going: [],
      refused: undefined,
    });
  });

  test("is nothing of a tenant one of whose documents is broken", () => {
    const revision = tree({ t1: [], t2: ["web"] });
    const memory = remembering({ t1: 1, t2: 1 });
    expect(goes(revision, memory).going).toEqual(["t1"]);
    const held = { ...revision.tenants.get(name("t1")), held: "t1/web.yaml has errors" };
    const tenants = new Map([...revision.tenants, [name("t1"), held as never]]);
    expect(goes({ ...revision, tenants }, memory).going).toEqual([]);
  });

  test("once begun goes on, whatever else goes meanwhile, and does not count again", () => {
    const memory = remembering({ t1: 2, t2: 2, t3: 2 });
    const first = departures(tree({ t2: ["web"], t3: ["web"] }), memory, new Map());
    const later = rememberDepartures(memory, first);
    expect(goes(tree({ t3: ["web"] }), later)).toEqual({ going: ["t1", "t2"], refused: undefined });
  });

  test("once approved is carried through, and the approval is spent", () => {
    const memory = remembering({ t1: 6, t2: 6, t3: 1 });
    const revision = tree({ t3: ["web"] });
    const { refused = "" } = goes(revision, memory);
    const approved = { ...memory, approvals: [refused] };
    const allowed = departures(revision, approved, new Map());
    expect([...allowed.going.keys()]).toEqual(["t1", "t2"]);
    const after = rememberDepartures(approved, allowed);
    expect(after.approvals).toEqual([]);
    // t1 is gone by now, t2 is still six replicas: they were let go, and nobody is asked again.
    const { [name("t1")]: _, ...left } = after.tenants;
    expect(goes(revision, { ...after, tenants: left })).toEqual({ going: ["t2"], refused: undefined });
  });

  test("stays when its files come back", () => {
    const memory = remembering({ t1: 2, t2: 2 });
    const gone = rememberDepartures(memory, departures(tree({ t2: ["web"] }), memory, new Map()));
    expect(gone.tenants[name("t1")]?.going).toBe("everything");
    const back = rememberDepartures(gone, departures(tree({ t1: ["web"], t2: ["web"] }), gone, new Map()));
    expect(back.tenants[name("t1")]?.going).toBeUndefined();
  });
});

describe("what carries the fleet's mark", () => {
  const mark = (ordinal: number): ReplicaMark => ({
    tenant: name("t1"),
    subnet: trusted("web"),
    ordinal,
    incarnation: trusted(`aaaaaaa${ordinal}`),
    address: addressAt("10.13.13.0/24" as Cidr, ordinal + 1),
    managementAddress: addressAt("192.168.252.0/24" as Cidr, ordinal + 1),
    specHash: "1:0",
  });
  const container = (one: ReplicaMark): object => ({
    id: one.incarnation,
    name: containerName(FLEET, one),
    state: "running",
    labels: labelsOf(FLEET, one),
  });
  const machine = (one: ReplicaMark): object => ({
    name: containerName(FLEET, one),
    uuid: uuidOf(containerName(FLEET, one)),
    state: "running",
    metadata: wordsOf(FLEET, one),
    taps: [],
  });
  const standing = (change: object): Parameters<typeof markedOn>[0] => {
    const facts = { hypervisor: "hv1", bootId: "", own: NOTHING, namespaces: new Map(), fence: undefined };
    const nothing = {
      containers: [],
      domains: [],
      resolvers: new Map(),
      collectors: new Map(),
      sandboxes: new Map(),
    };
    return new Map([[trusted<HypervisorName>("hv1"), { ...facts, ...nothing, ...change } as never]]);
  };
  const five = [1, 2, 3, 4, 5].map(mark);

  test.each([
    ["containers", { containers: five.map(container) }],
    ["virtual machines", { domains: five.map(machine) }],
    ["both", { containers: five.slice(0, 2).map(container), domains: five.slice(2).map(machine) }],
  ])("of a lost ledger counts as too much to go at once: %s", async (_, change) => {
    const marked = await markedOn(standing(change), FLEET, () => Promise.resolve());
    expect(marked).toEqual(new Map([["t1", ["web", "web", "web", "web", "web"]]]));
    const { going, refusal } = departures(tree({ t2: ["web"] }), emptyMemory(FLEET), marked);
    expect([[...going.keys()], refusal?.id]).toEqual([[], expect.any(String)]);
  });
});

describe("a hypervisor whose document is gone", () => {
  const [hv1, hv2] = ["hv1", "hv2"].map((one) => trusted<HypervisorName>(one)) as [
    HypervisorName,
    HypervisorName,
  ];
  const document = { object: { kind: "Hypervisor", metadata: { name: hv1 } } } as never;
  const without = (complete = true): Revision =>
    ({ complete, hypervisors: new Map([[hv2, {}]]), documents: new Map([["Hypervisor//hv2", {}]]) }) as never;
  const memory: FleetMemory = {
    ...remembering({ t1: 2 }),
    documents: { "Hypervisor//hv1": document },
  };
  const used: FleetMemory = {
    ...memory,
    tenants: { t1: { ...(memory.tenants[name("t1")] ?? EMPTY_TENANT), hypervisors: [hv1, hv2] } } as never,
  };

  test("stays in force while something may stand there, and no longer", () => {
    expect([...withStanding(without(), used).hypervisors.keys()]).toEqual([hv1, hv2]);
    expect([...withStanding(withStanding(without(), used), memory).hypervisors.keys()]).toEqual([hv2]);
  });

  test("is given up by somebody's word alone, and then forgotten with what stood there", () => {
    const revision = withStanding(without(), used);
    expect(abandoned(revision, used, new Set()).refusals).toEqual([]); // it answers: it is emptied
    expect(abandoned(withStanding(without(false), used), used, new Set([hv1])).refusals).toEqual([]);
    const { refusals, names } = abandoned(revision, used, new Set([hv1]));
    expect([names, refusals]).toEqual([[], [expect.objectContaining({ object: "hypervisor/hv1" })]]);
    expect(withoutAbandoned(used, abandoned(revision, used, new Set([hv1])))).toBe(used);

    const approved = { ...used, approvals: [refusals[0]?.id ?? ""] };
    const after = withoutAbandoned(approved, abandoned(revision, approved, new Set([hv1])));
    expect(after.approvals).toEqual([]);
    expect(after.tenants[name("t1")]).toMatchObject({ replicas: [], hypervisors: [hv2] });
    expect([...withStanding(revision, after).hypervisors.keys()]).toEqual([hv2]);
  });
});

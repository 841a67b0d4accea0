import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { addressAt, type Cidr } from "../../src/api/addresses.ts";
import type { Autoscale, Subnet } from "../../src/api/kinds.gen.ts";
import { type Incarnation, type SubnetName, trusted } from "../../src/api/names.ts";
import { nextIndex, nextVxlanId, QUARANTINE_MILLISECONDS } from "../../src/replicas/allocate.ts";
import {
  EMPTY_TENANT,
  emptyMemory,
  type ReplicaMemory,
  samePhases,
  withTenant,
} from "../../src/replicas/memory.ts";
import { withoutFuture } from "../../src/replicas/moments.ts";
import { advance, type Evidence, retryAt } from "../../src/replicas/phase.ts";
import { type DrainReceipt, receiptsOf } from "../../src/replicas/receipt.ts";
import { FLEET, pass, type Scenario, scenario, serving, subnet, T2 } from "./scenario.ts";

const NOW = 1_000_000;
const GRACE = { start: 300_000, drain: 30_000, stop: 10_000 };

const replica = (change: Partial<ReplicaMemory> = {}): ReplicaMemory => ({
  tenant: T2,
  subnet: trusted("web"),
  ordinal: 1,
  incarnation: trusted("aaaaaaaa"),
  address: addressAt("10.13.13.0/24" as Cidr, 2),
  managementAddress: addressAt("192.168.252.0/24" as Cidr, 2),
  specHash: "1:0",
  hypervisor: trusted("hv1"),
  phase: "serving",
  since: NOW - 1000,
  seen: true,
  failures: 0,
  nanoCpus: 0,
  memory: 0,
  ...change,
});

const fine: Evidence = {
  visible: true,
  workload: "running",
  linked: true,
  answers: true,
  balanced: false,
  connections: 0,
  unclosed: 0,
  sockets: 0,
};

describe("a replica's phase", () => {
  test.each<[string, Partial<ReplicaMemory>, Partial<Evidence>, string | undefined]>([
    ["starting, answers", { phase: "starting" }, {}, "serving"],
    ["starting, silent", { phase: "starting" }, { answers: false }, "starting"],
    ["starting, not asked", { phase: "starting" }, { answers: undefined }, "starting"],
    ["starting, without its links", { phase: "starting" }, { linked: false }, "starting"],
    [
      "starting, found in the balancer",
      { phase: "starting", seen: false },
      { answers: undefined, balanced: true },
      "serving",
    ],
    [
      "starting again, still in the balancer",
      { phase: "starting" },
      { answers: undefined, balanced: true },
      "starting",
    ],
    ["starting, not there yet", { phase: "starting", seen: false }, { workload: "absent" }, "starting"],
    [
      "starting, asked in vain for all its time",
      { phase: "starting", since: NOW - 300_000 },
      { answers: false },
      "leaving",
    ],
    ["starting, not asked", { phase: "starting", since: NOW - 300_000 }, { answers: undefined }, "starting"],
    [
      "starting, its image long on its way",
      { phase: "starting", since: NOW - 300_000, startedAt: NOW - 1000 },
      { answers: false },
      "starting",
    ],
    ["starting, removed by hand", { phase: "starting" }, { workload: "absent" }, "leaving"],
    ["serving, ended", {}, { workload: "ended" }, "starting"],
    ["serving, lost a link", {}, { linked: false }, "starting"],
    ["serving, removed by hand", {}, { workload: "absent" }, "leaving"],
    ["serving, hypervisor not seen", {}, { visible: false, workload: "absent", linked: false }, "serving"],
    ["draining, connections left", { phase: "draining" }, { connections: 3 }, "draining"],
    ["draining, nobody counted", { phase: "draining" }, { connections: undefined }, "draining"],
    ["draining, empty", { phase: "draining" }, {}, "stopping"],
    [
      "draining, a connection that the gateway does not know",
      { phase: "draining" },
      { sockets: 1 },
      "draining",
    ],
    ["draining, its sockets not read", { phase: "draining" }, { sockets: undefined }, "draining"],
    [
      "draining, its sockets not read, over time",
      { phase: "draining", drainsFrom: NOW - 30_000 },
      { sockets: undefined },
      "stopping",
    ],
    ["draining, over time", { phase: "draining", drainsFrom: NOW - 30_000 }, { connections: 3 }, "stopping"],
    [
      "draining, long, but the balancer was just taken off it",
      { phase: "draining", since: 0 },
      { connections: 3 },
      "draining",
    ],
    ["draining, still balanced", { phase: "draining", since: 0 }, { balanced: true }, "draining"],
    ["draining, the gateway not seen", { phase: "draining", since: 0 }, { balanced: undefined }, "draining"],
    ["draining, not seen and over time", { phase: "draining", since: 0 }, { visible: false }, "draining"],
    ["starting, paused", { phase: "starting" }, { workload: "paused" }, "starting"],
    ["serving, paused", {}, { workload: "paused" }, "starting"],
    ["draining, paused", { phase: "draining" }, { workload: "paused", connections: 3 }, "draining"],
    ["stopping, paused", { phase: "stopping" }, { workload: "paused" }, "stopping"],
    ["draining, ended by itself", { phase: "draining" }, { workload: "ended" }, "leaving"],
    ["stopping, still running", { phase: "stopping" }, {}, "stopping"],
    ["stopping, ended", { phase: "stopping" }, { workload: "ended" }, "leaving"],
    ["stopping, over time", { phase: "stopping", toldAt: NOW - 10_000 }, {}, "leaving"],
    ["stopping, long, but never told", { phase: "stopping", since: 0 }, {}, "stopping"],
    ["leaving, still there", { phase: "leaving" }, {}, "leaving"],
    ["leaving, gone", { phase: "leaving" }, { workload: "absent", linked: false }, undefined],
    [
      "leaving, not seen",
      { phase: "leaving" },
      { visible: false, workload: "absent", linked: false },
      "leaving",
    ],
  ])("%s", (_, before, evidence, after) => {
    expect(advance(replica(before), { ...fine, ...evidence }, GRACE, NOW)?.phase).toBe(after);
  });

  describe("the receipt of its drain", () => {
    /** What a drain came to that saw this, a look a second, and was told to end when its time was over. */
    function drain(...looks: Partial<Evidence>[]): Partial<DrainReceipt> | undefined {
      let one = replica({ phase: "draining", since: NOW });
      for (const [index, look] of looks.entries()) {
        const next = advance(
          one,
          { ...fine, ...look },
          { ...GRACE, drain: 2000, stop: 1000 },
          NOW + index * 1000,
        );
        if (!next) return receiptsOf(one, NOW + index * 1000)[0];
        one = next.phase === "stopping" ? { toldAt: NOW + index * 1000, ...next } : next;
      }
      return undefined;
    }
    const over: Partial<Evidence> = { workload: "absent", linked: false };
    const open = (connections: number): Partial<Evidence> => ({ connections, unclosed: connections });

    test.each<[string, Partial<Evidence>[], Partial<DrainReceipt>]>([
      [
        "all ended in time",
        [open(3), open(1), {}, { workload: "ended" }, over],
        { reason: "empty", connectionsSeen: 3, connectionsCut: 0 },
      ],
      [
        "some were open when it was removed",
        [open(3), open(2), open(2), open(2), over],
        { reason: "deadline", connectionsSeen: 3, connectionsCut: 2 },
      ],
      [
        "the workload closed the rest when it was told to end",
        [open(3), open(2), open(2), { workload: "ended", connections: 2, unclosed: 0 }, over],
        { reason: "deadline", connectionsSeen: 3, connectionsCut: 0 },
      ],
      [
        "the workload ended by itself, and left two where they were",
        [open(3), { workload: "ended", ...open(2) }, over],
        { reason: "ended by itself", connectionsSeen: 3, connectionsCut: 2 },
      ],
      [
        "one came from inside, past the gateway",
        [{ sockets: 1 }, { sockets: 1 }, { sockets: 1 }, { sockets: 1 }, over],
        { reason: "deadline", connectionsSeen: 1, connectionsCut: 1 },
      ],
      [
        "nobody counted at the end: what was counted last is what was open",
        [open(3), open(2), open(2), { connections: undefined, workload: "ended" }, over],
        { reason: "deadline", connectionsSeen: 3, connectionsCut: 2 },
      ],
    ])("%s", (_, looks, receipt) => {
      expect(drain(...looks)).toMatchObject({
        ...receipt,
        began: NOW,
        ended: NOW + (looks.length - 1) * 1000,
      });
    });

    test("there is none for a replica that was not drained", () => {
      expect(receiptsOf(replica({ phase: "leaving" }), NOW)).toEqual([]);
    });
  });

  test("one that keeps ending is started again ever later", () => {
    let one = replica({ phase: "starting" });
    const gaps: number[] = [];
    for (let failure = 0; failure < 10; failure++) {
      const now = retryAt(one);
      const ended = { ...fine, workload: "ended" } as const;
      one = advance({ ...one, startedAt: now }, ended, GRACE, now) as ReplicaMemory;
      gaps.push(retryAt(one) - now);
      // That it still does not run is no news, however often one looks: it was not told to.
      expect(advance(one, ended, GRACE, now + 600_000)).toBe(one);
    }
    expect(gaps).toEqual([0, 0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
  });
});

describe("addresses and ids", () => {
  const net = "10.13.13.0/29" as Cidr;

  test("go round the range, leave out what is taken or rests, and end when all are", () => {
    const none = { taken: new Set<never>(), released: [], now: NOW };
    expect(nextIndex(net, { ...none, last: 0 })).toBe(1);
    expect(nextIndex(net, { ...none, last: 5 })).toBe(6);
    expect(nextIndex(net, { ...none, last: 6 })).toBe(1); // 7 is the broadcast address
    const taken = new Set([1, 2, 3, 4, 5].map((index) => addressAt(net, index)));
    expect(nextIndex(net, { ...none, taken, last: 0 })).toBe(6);
    const resting = [{ address: addressAt(net, 6), at: NOW - QUARANTINE_MILLISECONDS + 1 }];
    expect(nextIndex(net, { ...none, taken, released: resting, last: 0 })).toBeUndefined();
    expect(nextIndex(net, { ...none, taken, released: resting, last: 0, now: NOW + 1 })).toBe(6);
  });

  test("no VXLAN id is given twice, or while somebody else has it", () => {
    const fleet = emptyMemory(FLEET);
    expect(nextVxlanId(fleet, new Set([1001, 1002]), NOW)).toBe(1003);
    const segment = { vxlanId: 1003, cidr: net, gateway: addressAt(net, 1), lastIndex: 0 };
    const memory = {
      primary: undefined,
      hypervisors: [],
      segments: { web: segment },
      replicas: [],
      released: [],
      desired: {},
      down: false,
    };
    const used = withTenant(fleet, T2, memory, NOW);
    expect(nextVxlanId(used, new Set(), NOW)).toBe(1004);
    const gone = withTenant(used, T2, undefined, NOW);
    expect(nextVxlanId({ ...gone, lastVxlanId: 1002 }, new Set(), NOW + 1)).toBe(1004);
    expect(nextVxlanId({ ...gone, lastVxlanId: 1002 }, new Set(), NOW + QUARANTINE_MILLISECONDS)).toBe(1003);
  });

  test("a replica that comes in another's place has another address, name and links", () => {
    const on = scenario();
    pass(on);
    const before = on.fleet.tenants[T2]?.replicas ?? [];
    on.observed = on.observed.filter(({ kind, name }) => kind !== "container" || !name.includes(".web-1."));
    pass(on);
    const after = on.fleet.tenants[T2]?.replicas ?? [];
    const one = (all: readonly ReplicaMemory[]) => all.find(({ ordinal }) => ordinal === 1);
    expect(one(after)?.incarnation).not.toBe(one(before)?.incarnation);
    expect(one(after)?.address).not.toBe(one(before)?.address);
  });
});

describe("the count that load asked for", () => {
  const WEB = trusted<SubnetName>("web");
  const AUTOSCALE: Autoscale = {
    mode: "auto",
    scaleOnContention: false,
    thresholds: { cpu: { min: 25, max: 60 } },
    step: 1,
    sampleSeconds: 5,
    windowSeconds: 15,
    cooldownSeconds: 60,
  };
  const web = (autoscale?: Autoscale): Subnet =>
    subnet("web", 2, { replicas: { min: 2, max: 6 }, ...(autoscale && { autoscale }) });
  const scaled = (): Scenario => {
    const on = scenario({ subnets: [web(AUTOSCALE)] });
    pass(on);
    const memory = on.fleet.tenants[T2];
    if (!memory) throw new Error("nothing is remembered");
    const scaling = { [WEB]: { at: NOW, from: 3, to: 4 } };
    on.fleet = withTenant(on.fleet, T2, { ...memory, desired: { [WEB]: 4 }, scaling }, on.now);
    pass(on);
    return on;
  };
  const count = (on: Scenario): number | undefined => on.fleet.tenants[T2]?.replicas.length;

  test("is what marks show when the ledger is lost, for subnets that follow their load", () => {
    const on = scaled();
    on.fleet = emptyMemory(FLEET);
    expect(pass(on)).toEqual([]);
    expect([count(on), on.fleet.tenants[T2]?.desired]).toEqual([4, { web: 4 }]);

    on.fleet = emptyMemory(FLEET);
    on.subnets = [web()];
    pass(on);
    expect([count(on), on.fleet.tenants[T2]?.desired]).toEqual([2, {}]);
  });

  test("holds while the mode is off, and is over once there is no autoscale any more", () => {
    const on = scaled();
    on.subnets = [web({ ...AUTOSCALE, mode: "off" })];
    pass(on);
    expect(count(on)).toBe(4);
    on.subnets = [web()];
    pass(on);
    expect(count(on)).toBe(2);
  });

  test("is forgotten with its subnet, and not before", () => {
    const on = scaled();
    pass(on);
    expect(on.fleet.tenants[T2]).toMatchObject({ desired: { web: 4 }, scaling: { web: { to: 4 } } });
    pass(on, new Set([WEB]));
    const { desired, scaling, replicas } = on.fleet.tenants[T2] ?? {};
    expect([desired, scaling, replicas]).toEqual([{}, {}, []]);
  });
});

describe("counts", () => {
  test("scale-in takes the highest ordinals, and never one below", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }), (from, to) => {
        const on = scenario({ subnets: [subnet("web", from, { service: serving() })] });
        pass(on);
        on.subnets = [subnet("web", to, { service: serving() })];
        pass(on);
        const ordinals = on.fleet.tenants[T2]?.replicas.map(({ ordinal }) => ordinal).toSorted() ?? [];
        expect(ordinals).toEqual(Array.from({ length: to }, (_, index) => index + 1));
      }),
    );
  });

  test("a roll never has fewer serving than count less maxUnavailable, nor more standing than count and maxSurge", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 2 }),
        (count, maxSurge, maxUnavailable) => {
          fc.pre(maxSurge + maxUnavailable > 0);
          const update = { maxSurge, maxUnavailable };
          const on = scenario({ subnets: [subnet("web", count, { update })] });
          pass(on);
          const { workload } = subnet("web", count).spec;
          on.subnets = [subnet("web", count, { update, workload: { ...workload, image: "evenkeel/web:2" } })];
          pass(on, new Set(), (replicas) => {
            const standing = replicas.filter(({ phase }) => phase !== "leaving").length;
            expect(standing).toBeLessThanOrEqual(count + maxSurge);
            expect(replicas.filter(({ phase }) => phase === "serving").length).toBeGreaterThanOrEqual(
              Math.max(0, count - Math.max(maxUnavailable, 0)),
            );
          });
          const hashes = new Set(on.fleet.tenants[T2]?.replicas.map(({ specHash }) => specHash));
          expect(hashes.size).toBe(1);
          expect(on.fleet.tenants[T2]?.replicas).toHaveLength(count);
        },
      ),
    );
  });
});

describe("what an operator wants gone", () => {
  const replicasOf = (on: Scenario): readonly ReplicaMemory[] => on.fleet.tenants[T2]?.replicas ?? [];
  const places = (on: Scenario): string[] =>
    replicasOf(on)
      .map(({ ordinal, hypervisor }) => `${ordinal}@${hypervisor}`)
      .toSorted();
  /** One pass in which at any time so many serve, and one more may stand. */
  const carefully = (on: Scenario, count: number): void => {
    pass(on, new Set(), (replicas) => {
      const standing = replicas.filter(({ phase }) => phase !== "leaving").length;
      expect(standing).toBeLessThanOrEqual(count + 1);
      expect(replicas.filter(({ phase }) => phase === "serving").length).toBeGreaterThanOrEqual(count);
    });
  };
  const begun = (): Scenario => {
    const on = scenario({ subnets: [subnet("web", 3, { service: serving() })] });
    pass(on);
    return on;
  };
  const drained = (on: Scenario, ...names: string[]): void => {
    on.fleet = { ...on.fleet, drained: names.map((name) => trusted(name)) };
  };

  test("a hypervisor's replicas move, make before break, and its gateways stay", () => {
    const on = begun();
    drained(on, "hv1");
    carefully(on, 3);
    expect(places(on)).toEqual(["1@hv2", "2@hv2", "3@hv2"]);
    expect(on.observed.filter(({ kind }) => kind === "nat").map(({ hypervisor }) => hypervisor)).toEqual([
      "hv1",
    ]);
    const before = replicasOf(on);
    drained(on);
    pass(on);
    expect(replicasOf(on)).toEqual(before);
  });

  test("those that can go nowhere stay, and it is said why", () => {
    const on = begun();
    drained(on, "hv1", "hv2");
    carefully(on, 3);
    expect(places(on)).toEqual(["1@hv1", "2@hv1", "3@hv1"]);
    expect(on.notes).toHaveLength(3);
    for (const { reason, message } of on.notes)
      expect([reason, message]).toEqual([
        "NowhereToPlace",
        "hv1: it is being drained; hv2: it is being drained",
      ]);
  });

  test("what is on a drained hypervisor that is not seen stays where it is", () => {
    const on = scenario({ subnets: [subnet("web", 2)], unseen: [] });
    pass(on);
    drained(on, "hv1");
    on.unseen = ["hv1"];
    const before = replicasOf(on).map(({ incarnation }) => incarnation);
    pass(on);
    const standing = replicasOf(on).map(({ incarnation }) => incarnation);
    for (const incarnation of before) expect(standing).toContain(incarnation);
  });

  test("a replica is replaced where it stands, make before break, and the others are not touched", () => {
    const on = begun();
    const [first, second, third] = replicasOf(on);
    const memory = on.fleet.tenants[T2];
    if (!memory || !second) throw new Error("three replicas were expected");
    const marked = memory.replicas.map((one) =>
      one === second ? { ...one, replace: "an operator wants another" } : one,
    );
    on.fleet = withTenant(on.fleet, T2, { ...memory, replicas: marked }, on.now);
    carefully(on, 3);
    expect(places(on)).toEqual(["1@hv1", "2@hv1", "3@hv1"]);
    const after = replicasOf(on).map(({ incarnation }) => incarnation);
    expect(after).toEqual(expect.arrayContaining([first?.incarnation, third?.incarnation]));
    expect(after).not.toContain(second.incarnation);
  });
});

test("a memory that differs in the order of its keys alone is the same to go on from", () => {
  const segment = { vxlanId: 1001, cidr: "10.13.13.0/24", gateway: "10.13.13.1", lastIndex: 1 } as never;
  const one = { ...EMPTY_TENANT, segments: { "management.": segment, web: segment } };
  const other = { ...EMPTY_TENANT, segments: { web: segment, "management.": segment } };
  expect(samePhases(one, other)).toBe(true);
  expect(samePhases(one, { ...other, segments: { web: segment } })).toBe(false);
});

test("what was remembered and never came to be gives way to what stands at its address", () => {
  const standing = scenario();
  pass(standing);
  const [first] = standing.fleet.tenants[T2]?.replicas ?? [];
  if (!first) throw new Error("nothing stands");
  // Another controller's ledger gave the same addresses to others, which it has not made yet.
  const memory = standing.fleet.tenants[T2];
  const forgotten = memory?.replicas.map((one) => ({
    ...one,
    incarnation: trusted<Incarnation>(`x${one.incarnation.slice(1)}`),
    phase: "starting" as const,
    seen: false,
  }));
  const other = scenario({ observed: standing.observed, now: standing.now });
  other.fleet = {
    ...standing.fleet,
    tenants: { [T2]: { ...memory, replicas: forgotten } },
  } as typeof other.fleet;
  pass(other);
  const addresses = (other.fleet.tenants[T2]?.replicas ?? []).map(({ address }) => address);
  expect(new Set(addresses).size).toBe(addresses.length);
  expect(other.fleet.tenants[T2]?.replicas.map(({ incarnation }) => incarnation)).toContain(
    first.incarnation,
  );
});

describe("what was remembered before the clock was set back", () => {
  const memory = {
    ...EMPTY_TENANT,
    replicas: [replica({ phase: "stopping", since: NOW - 5, drainsFrom: NOW + 5, toldAt: NOW + 7 })],
    scaling: { [trusted<SubnetName>("web")]: { at: NOW + 9, from: 1, to: 2 } },
  };

  test("counts as remembered now: nothing waits for an hour because of it", () => {
    const { replicas, scaling } = withoutFuture(memory, NOW);
    expect(replicas).toEqual([replica({ phase: "stopping", since: NOW - 5, drainsFrom: NOW, toldAt: NOW })]);
    expect(scaling).toEqual({ web: { at: NOW, from: 1, to: 2 } });
  });

  test("is left as it is when nothing of it is yet to come", () => {
    expect(withoutFuture(memory, NOW + 9)).toBe(memory);
    expect(withoutFuture(EMPTY_TENANT, NOW)).toBe(EMPTY_TENANT);
  });
});

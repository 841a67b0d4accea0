import { describe, expect, test } from "@jest/globals";
import { addressAt, type Cidr } from "../../src/api/addresses.ts";
import { type HypervisorName, type SubnetName, trusted } from "../../src/api/names.ts";
import type { Pass, World } from "../../src/controllers/controller.ts";
import { afterwards, isOver, type Sight, sightOf } from "../../src/controllers/sight.ts";
import type { ContainerSummary, HostFacts, SocketFact } from "../../src/facts/facts.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { EMPTY_TENANT, emptyMemory, type FleetMemory } from "../../src/replicas/memory.ts";
import { containerName, labelsOf, type ReplicaMark } from "../../src/resources/marks.ts";
import { FLEET, subnet, T2, tenant } from "./scenario.ts";
import { NOTHING } from "./facts-values.ts";

const [HV1, HV2] = [trusted<HypervisorName>("hv1"), trusted<HypervisorName>("hv2")];

const WEB = trusted<SubnetName>("web");
const MARK: ReplicaMark = {
  tenant: T2,
  subnet: WEB,
  ordinal: 1,
  incarnation: trusted("aaaaaaaa"),
  address: addressAt("10.13.13.0/24" as Cidr, 2),
  managementAddress: addressAt("192.168.252.0/24" as Cidr, 2),
  specHash: "1:0",
};
const CONTAINER: ContainerSummary = {
  id: "c1",
  name: containerName(FLEET, MARK),
  image: "",
  imageId: "",
  state: "running",
  labels: labelsOf(FLEET, MARK),
};

/** A hypervisor with the tenant's namespace, in which so many connections were counted. */
function facts(
  hypervisor: HypervisorName,
  counted: Record<string, number>,
  sockets?: ReadonlyMap<number, SocketFact>,
): HostFacts {
  const containers = sockets ? [CONTAINER] : [];
  const namespace = { ...NOTHING, name: "campus.t2", connections: counted };
  return {
    hypervisor,
    bootId: "",
    own: NOTHING,
    namespaces: new Map([["campus.t2", namespace]]),
    containers,
    resolvers: new Map(),
    collectors: new Map(),
    domains: [],
    sandboxes: new Map(
      containers.map(({ id }) => [id, { pid: 1, interfaces: {}, gateway: undefined, sockets }]),
    ),
    fence: undefined,
  };
}

/** What is known when these hypervisors were seen; home is hv1. */
const sight = (...seen: HostFacts[]): Sight => sightWith({}, seen);

/** The same with a ledger that remembers besides. */
function sightWith(remembered: Partial<FleetMemory>, seen: readonly HostFacts[]): Sight {
  const tenants = { [T2]: { ...EMPTY_TENANT, primary: HV1 } };
  const memory = { ...emptyMemory(FLEET), tenants, ...remembered };
  const world = { fleet: FLEET, ledger: new MemoryLedger(memory) } as unknown as World;
  const documents = {
    name: T2,
    tenant: tenant(),
    subnets: new Map([[WEB, subnet("web", 1)]]),
    held: undefined,
  };
  const revision = { tenants: new Map([[T2, documents]]), hypervisors: new Map(), complete: true };
  const pass = { revision, departures: { going: new Map() } } as unknown as Pass;
  const observation = { seen: new Map(seen.map((one) => [one.hypervisor, one])), unseen: new Map() };
  return sightOf(world, pass, T2, observation);
}

describe("connections", () => {
  test("are what the gateway at home counts; a standby, which sees none of them, does not say that there are none", () => {
    expect(sight(facts(HV1, { "10.13.13.2": 3 }), facts(HV2, {})).connections).toEqual({ "10.13.13.2": 3 });
  });

  test("are not known while home is not seen", () => {
    expect(sight(facts(HV2, {})).connections).toBeUndefined();
  });
});

describe("a replica's own sockets", () => {
  const live = (listens: boolean, count: number): SocketFact => ({ listens, live: count });

  test.each<[string, [number, SocketFact][], number]>([
    ["on a port that it listens on", [[9000, live(true, 2)]], 2],
    ["on a port of its document, on which it listens no more", [[8080, live(false, 3)]], 3],
    ["as a client of somebody else", [[40_000, live(false, 4)]], 0],
    ["none", [], 0],
  ])("%s", (_, sockets, count) => {
    const seen = sight(facts(HV1, {}, new Map(sockets)));
    expect(seen.sockets).toEqual(new Map([[MARK.incarnation, count]]));
  });

  test("are not known where they were not read", () => {
    expect(sight(facts(HV1, {})).sockets).toEqual(new Map());
  });
});

describe("after operations", () => {
  const before = sight(facts(HV1, { "10.13.13.2": 0 }));

  test("connections have to be counted anew", () => {
    expect(before.connections).toEqual({ "10.13.13.2": 0 });
    const after = afterwards(before, [], { dryRun: false } as Pass);
    expect(after.connections).toBeUndefined();
    expect(after.sockets).toEqual(new Map());
  });

  test("a dry pass takes it that they end", () => {
    expect(afterwards(before, [], { dryRun: true } as Pass).connections).toEqual({});
  });
});

describe("a tenant is left as it is", () => {
  const both = { seen: [HV1, HV2] };
  const reason = (remembered: Partial<FleetMemory>, ...seen: HostFacts[]): string | undefined =>
    sightWith(remembered, seen).held?.reason;
  const other = { ...MARK, subnet: trusted<SubnetName>("db") };
  const stranger = { ...CONTAINER, name: containerName(FLEET, other), labels: labelsOf(FLEET, other) };

  test("not where all of it was seen once", () => {
    expect(reason(both, facts(HV1, {}))).toBeUndefined();
  });

  test("with a new ledger, until every hypervisor of it was seen once", () => {
    expect(reason({ seen: [] }, facts(HV1, {}), facts(HV2, {}))).toBe("LedgerIncomplete");
    expect(reason({ seen: [HV1] }, facts(HV1, {}))).toBe("LedgerIncomplete");
  });

  test("while replicas of a subnet without a file stand, whose removal nobody let through", () => {
    expect(reason(both, { ...facts(HV1, {}), containers: [stranger] })).toBe("NeedsApproval");
  });
});

describe("a tenant that was to go is over", () => {
  const memory = { ...EMPTY_TENANT, primary: HV1, hypervisors: [HV1, HV2] };
  const revision = (...names: HypervisorName[]) =>
    ({ tenants: new Map(), hypervisors: new Map(names.map((name) => [name, {}])) }) as unknown as Revision;
  const left = (...seen: HypervisorName[]): Sight => ({
    ...sight(...seen.map((name) => ({ ...facts(name, {}), namespaces: new Map() }))),
    leaving: "everything",
  });

  test("when it was seen to be gone from every hypervisor, and not before", () => {
    expect(isOver(left(HV1), memory, revision(HV1, HV2))).toBe(false);
    expect(isOver(left(HV1, HV2), memory, revision(HV1, HV2))).toBe(true);
  });

  test("without one that is no hypervisor of the fleet any more", () => {
    expect(isOver(left(HV1), memory, revision(HV1))).toBe(true);
  });
});

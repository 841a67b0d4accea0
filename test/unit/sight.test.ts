import { describe, expect, test } from "@jest/globals";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { Pass, World } from "../../src/controllers/controller.ts";
import { sightOf } from "../../src/controllers/sight.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { EMPTY_TENANT, emptyMemory } from "../../src/replicas/memory.ts";
import { FLEET, T2 } from "./scenario.ts";

const [HV1, HV2] = [trusted<HypervisorName>("hv1"), trusted<HypervisorName>("hv2")];

/** A hypervisor with the tenant's namespace, in which so many connections were counted. */
function facts(hypervisor: HypervisorName, counted: Record<string, number>): HostFacts {
  const own = {
    links: [],
    routes: [],
    neighbours: [],
    forwarding: [],
    ipv4: {},
    ipv6: {},
    bridge: {},
    sysctls: {},
  };
  const namespace = { ...own, name: "campus.t2", connections: counted };
  return {
    hypervisor,
    bootId: "",
    own,
    namespaces: new Map([["campus.t2", namespace]]),
    containers: [],
    sandboxes: new Map(),
    fence: undefined,
  };
}

/** What is known of connections when these hypervisors were seen; home is hv1. */
function connections(...seen: HostFacts[]) {
  const memory = { ...emptyMemory(FLEET), tenants: { [T2]: { ...EMPTY_TENANT, primary: HV1 } } };
  const world = { fleet: FLEET, ledger: new MemoryLedger(memory) } as unknown as World;
  const revision = { tenants: new Map(), hypervisors: new Map(), complete: true };
  const pass = { revision, departures: { going: new Map() } } as unknown as Pass;
  const observation = { seen: new Map(seen.map((one) => [one.hypervisor, one])), unseen: new Map() };
  return sightOf(world, pass, T2, observation).connections;
}

describe("connections", () => {
  test("are what the gateway at home counts; a standby, which sees none of them, does not say that there are none", () => {
    expect(connections(facts(HV1, { "10.13.13.2": 3 }), facts(HV2, {}))).toEqual({ "10.13.13.2": 3 });
  });

  test("are not known while home is not seen", () => {
    expect(connections(facts(HV2, {}))).toBeUndefined();
  });
});

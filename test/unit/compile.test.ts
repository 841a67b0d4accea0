import { describe, expect, test } from "@jest/globals";
import type { Hypervisor, Subnet } from "../../src/api/kinds.gen.ts";
import type { FleetName } from "../../src/api/names.ts";
import { compile } from "../../src/desired/compile.ts";
import type { CompileInput } from "../../src/desired/input.ts";
import type { ReplicaMemory, TenantMemory } from "../../src/replicas/memory.ts";
import { retryAt } from "../../src/replicas/phase.ts";
import { isContainer } from "../../src/resources/container.ts";
import type { Resource } from "../../src/resources/resource.ts";
import { FLEET, hypervisor, pass, scenario, serving, subnet, T2, tenant } from "./scenario.ts";

const on = scenario();
pass(on);
const remembered = on.fleet.tenants[T2]!;

/** What a pass is asked anew each time: its lists are its own, what is in them is not. */
const asked = (change: Partial<CompileInput> = {}): CompileInput => ({
  fleet: FLEET,
  tenant: on.tenant!,
  subnets: [...on.subnets],
  memory: remembered,
  hypervisors: new Map(on.hypervisors.map((one) => [one.metadata.name, one])),
  traits: new Map(
    on.hypervisors.map((one) => [
      one.metadata.name,
      { uplinkIsBridge: false, uplinkMtu: 1500, dropsBridged: false },
    ]),
  ),
  now: on.now,
  ...change,
});

describe("what should stand", () => {
  test("is the same value, not an equal one, as long as the same is asked", () => {
    expect(compile(asked({ now: on.now + 60_000 }))).toBe(compile(asked()));
  });

  test("is what the document says, not what was compiled from another one before", () => {
    const [plain] = on.subnets as [Subnet];
    const moved: Hypervisor[] = [hypervisor("hv1", "198.18.0.21"), on.hypervisors[1]!];
    const bridged = { uplinkIsBridge: true, uplinkMtu: 1500, dropsBridged: true };
    const others: Partial<CompileInput>[] = [
      { fleet: "other" as FleetName },
      { tenant: tenant({ egress: "snat" }) },
      { subnets: [] },
      { subnets: [{ ...plain, spec: { ...plain.spec, service: serving("198.18.100.11") } }] },
      { subnets: [plain, subnet("db", 1)], memory: withSegment(remembered, "db") },
      { hypervisors: new Map(moved.map((one) => [one.metadata.name, one])) },
      { traits: new Map(on.hypervisors.map((one) => [one.metadata.name, bridged])) },
      { memory: { ...remembered, replicas: remembered.replicas.slice(1) } },
    ];
    const before = compile(asked());
    for (const other of others) {
      // Compiled from copies, of which nothing was compiled before.
      const { memory, ...rest } = asked(other);
      expect(compile(asked(other))).toEqual(compile({ ...rest, memory: { ...memory } }));
      expect(compile(asked(other))).not.toEqual(before);
      expect(compile(asked())).toEqual(before);
    }
  });

  test("follows the time where a replica waits for its next try", () => {
    const [first, ...others] = remembered.replicas as [ReplicaMemory, ...ReplicaMemory[]];
    const failing: ReplicaMemory = { ...first, phase: "starting", failures: 4, since: on.now };
    const memory = { ...remembered, replicas: [failing, ...others] };
    const isStarted = (now: number): boolean =>
      requestsOf(compile(asked({ memory, now }))).includes(failing.incarnation);
    expect([on.now, retryAt(failing) - 1, retryAt(failing), on.now].map(isStarted)).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });
});

const withSegment = (memory: TenantMemory, name: string): TenantMemory => ({
  ...memory,
  segments: { ...memory.segments, [name]: { ...memory.segments["web"]!, vxlanId: 4711 } },
});

const requestsOf = (resources: readonly Resource[]): string[] =>
  resources.filter(isContainer).flatMap(({ state }) => (state.request ? [state.mark.incarnation] : []));

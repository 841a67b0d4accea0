import { describe, expect, test } from "@jest/globals";
import { addressAt, type Cidr } from "../../src/api/addresses.ts";
import { type HypervisorName, type Incarnation, trusted } from "../../src/api/names.ts";
import type { CpuCounter } from "../../src/load/cpu.ts";
import {
  hypervisorLoad,
  type Reading,
  type Readings,
  readingOf,
  replicaLoad,
  subnetLoad,
} from "../../src/load/samples.ts";
import { parseSteal } from "../../src/load/steal.ts";
import type { ReplicaMemory } from "../../src/replicas/memory.ts";
import { containerName, labelsOf } from "../../src/resources/marks.ts";
import { FLEET, T2 } from "./scenario.ts";

const HV1 = trusted<HypervisorName>("hv1");
const HV2 = trusted<HypervisorName>("hv2");
const LONGEST = 10;

const replica = (ordinal: number, change: Partial<ReplicaMemory> = {}): ReplicaMemory => ({
  tenant: T2,
  subnet: trusted("web"),
  ordinal,
  incarnation: trusted<Incarnation>(`aaaaaaa${ordinal}`),
  address: addressAt("10.13.13.0/24" as Cidr, ordinal + 1),
  managementAddress: addressAt("192.168.252.0/24" as Cidr, ordinal + 1),
  specHash: "1:0",
  hypervisor: HV1,
  phase: "serving",
  since: 0,
  seen: true,
  failures: 0,
  nanoCpus: 500e6,
  memory: 0,
  ...change,
});
const WEB1 = replica(1);

const counters = (used: Readonly<Record<number, number | undefined>>, pid = 7): Reading["replicas"] =>
  new Map(
    Object.entries(used).map(([ordinal, value]): [Incarnation, CpuCounter | undefined] => [
      trusted<Incarnation>(`aaaaaaa${ordinal}`),
      value === undefined ? undefined : { used: value, pid },
    ]),
  );
const reading = (change: Partial<Reading> = {}): Reading => ({
  uptime: 100,
  used: 0,
  cpus: 2,
  source: "cgroup-v1",
  replicas: counters({ 1: 0 }),
  figures: new Map(),
  ...change,
});
const at = (one: Reading | undefined, hypervisor = HV1): Readings => new Map(one && [[hypervisor, one]]);

describe("the load of a replica", () => {
  test("is what it used ÷ what it may use", () => {
    const later = reading({ uptime: 104, replicas: counters({ 1: 0.5e9 }) });
    expect(replicaLoad(WEB1, at(reading()), at(later), LONGEST)).toEqual({ ratio: 0.25 });
    expect(replicaLoad(WEB1, at(reading()), at({ ...later, replicas: counters({ 1: 0 }) }), LONGEST)).toEqual(
      {
        ratio: 0,
      },
    );
  });

  const BUSY = reading({ uptime: 104, replicas: counters({ 1: 0.5e9 }) });
  test.each<[string, Reading | undefined, Reading | undefined, ReplicaMemory, RegExp]>([
    ["the first reading", undefined, BUSY, WEB1, /first sample of its hypervisor/],
    ["an unreachable hypervisor", reading(), undefined, WEB1, /gave no sample/],
    ["a frozen clock", reading({ uptime: 104 }), BUSY, WEB1, /stands still/],
    ["a reading of a moment ago", reading({ uptime: 103.7 }), BUSY, WEB1, /a moment ago/],
    ["a reboot", reading({ uptime: 9000 }), BUSY, WEB1, /started again/],
    ["a reading of long ago", reading({ uptime: 80 }), BUSY, WEB1, /24 s old/],
    [
      "a replica that was not there before",
      reading({ replicas: counters({}) }),
      BUSY,
      WEB1,
      /first sample of it/,
    ],
    [
      "a replica that is not there now",
      BUSY,
      reading({ uptime: 108, replicas: counters({}) }),
      WEB1,
      /not there/,
    ],
    [
      "a counter that was not legible",
      reading(),
      reading({ uptime: 104, replicas: counters({ 1: undefined }) }),
      WEB1,
      /not there/,
    ],
    ["a counter that went down", reading({ replicas: counters({ 1: 9e9 }) }), BUSY, WEB1, /began anew/],
    ["another process", reading({ replicas: counters({ 1: 0 }, 6) }), BUSY, WEB1, /began anew/],
    ["a replica of unknown size", reading(), BUSY, replica(1, { nanoCpus: 0 }), /not known/],
  ])("is none, and not zero, for %s", (_what, before, after, of, why) => {
    expect(replicaLoad(of, at(before), at(after), LONGEST)).toEqual({ missing: expect.stringMatching(why) });
  });
});

describe("the load of a hypervisor", () => {
  const later = (change: Partial<Reading> = {}): Reading => reading({ uptime: 105, used: 5e9, ...change });
  test("is what everyone used ÷ its CPUs", () => {
    expect(hypervisorLoad(HV1, at(reading()), at(later()), LONGEST)).toEqual({ ratio: 0.5 });
    expect(hypervisorLoad(HV1, at(reading()), at(later({ cpus: 0.5 })), LONGEST)).toEqual({ ratio: 2 });
  });

  test.each<[string, Readings, Readings]>([
    ["unreachable", at(reading()), at(undefined)],
    ["seen for the first time", at(undefined), at(later())],
    ["whose counter went down", at(reading({ used: 6e9 })), at(later())],
    ["counted in another place than before", at(reading({ source: "proc-stat" })), at(later())],
  ])("is none for one that is %s", (_what, before, after) => {
    expect(hypervisorLoad(HV1, before, after, LONGEST)).toEqual({ missing: expect.any(String) });
  });
});

describe("the load of a subnet", () => {
  test("is the mean over the ready replicas that have a sample", () => {
    const before = new Map([[HV1, reading({ replicas: counters({ 1: 0, 2: 0 }) })]]);
    const after = new Map([[HV1, reading({ uptime: 102, replicas: counters({ 1: 0.1e9, 2: 0.3e9 }) })]]);
    const serving = [replica(3, { hypervisor: HV2 }), replica(1), replica(2)];
    const { loads, replicas } = subnetLoad(serving, ["cpu"], {
      earlier: before,
      later: after,
      longest: LONGEST,
    });
    expect(loads["cpu"]?.ratio).toBeCloseTo(0.2, 12);
    expect(loads["cpu"]?.complete).toBe(false);
    expect(replicas.map(({ ordinal, sample }) => [ordinal, "ratio" in sample])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
  });

  test("by steal is what its CPUs waited ÷ all of their time, with the own use beside it, by hypervisor", () => {
    const machine = (used: number, waited: number): CpuCounter => ({ pid: 0, used, waited, cpus: 2 });
    const on = (one: CpuCounter, other: CpuCounter): Reading["replicas"] =>
      new Map([
        [replica(1).incarnation, one],
        [replica(2).incarnation, other],
      ]);
    const earlier = at(reading({ replicas: on(machine(0, 0), machine(5e9, 9e9)) }));
    const later = at(reading({ uptime: 104, replicas: on(machine(1e9, 4e9), machine(1e9, 9e9)) }));
    const { loads } = subnetLoad([replica(1), replica(2)], ["steal"], { earlier, later, longest: LONGEST });
    const less = at(reading({ uptime: 104, replicas: on(machine(1e9, -1), machine(6e9, 9e9)) }));
    const waited = subnetLoad([replica(1)], ["steal"], { earlier, later: less, longest: LONGEST });
    expect(waited.replicas[0]?.sample).toEqual({ missing: "its counter began anew" });
    expect(loads).toEqual({
      steal: {
        ratio: 0.5,
        complete: false, // the other's counters began anew
        beside: [{ hypervisor: HV1, steal: 0.5, use: 0.125 }],
      },
    });
  });

  test("by steal is none of a container", () => {
    const between = { earlier: at(reading()), later: at(reading({ uptime: 104 })), longest: LONGEST };
    expect(subnetLoad([WEB1], ["steal"], between).replicas.map(({ sample }) => sample)).toEqual([
      { missing: "it is no virtual machine" },
    ]);
  });

  test("is none where nobody has a sample", () => {
    const none = { earlier: at(reading()), later: at(undefined), longest: LONGEST };
    expect(subnetLoad([WEB1], ["cpu"], none).loads["cpu"]?.ratio).toBeUndefined();
    const nobody = { ...none, later: at(reading({ uptime: 104 })) };
    expect(subnetLoad([], ["cpu"], nobody).loads["cpu"]?.ratio).toBeUndefined();
  });
});

test("counters are told apart by the marks of containers and the names of machines; foreign ones are left out", () => {
  const own = replica(1);
  const container = (id: string, name: string, labels: Record<string, string>) => ({
    id,
    name,
    labels,
    image: "",
    imageId: "",
    state: "running",
  });
  const list = [
    container("x", containerName(FLEET, own), labelsOf(FLEET, own)),
    container("y", "somebody", {}),
    container("z", containerName(FLEET, replica(2)), labelsOf(FLEET, replica(2))),
  ];
  const containers = new Map(["x", "y"].map((id) => [id, { used: 5, pid: 1 }] as const));
  const { replicas } = readingOf(
    { uptime: 1, used: 1, cpus: 1, source: "cgroup-v1", containers },
    {
      containers: list,
      machines: parseSteal(`domain campus.t2.web-3.cccccccc 7 8 2\ndomain other.t2.web-1.dddddddd 1 2 1\n`),
      figures: new Map(),
      fleet: FLEET,
    },
  );
  expect([...replicas]).toEqual([
    [own.incarnation, { used: 5, pid: 1 }],
    ["cccccccc", { used: 7, pid: 0, waited: 8, cpus: 2 }],
  ]);
});

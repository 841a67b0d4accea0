import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type HypervisorName, type Incarnation, trusted } from "../../src/api/names.ts";
import { type CpuReading, cpuScript, parseCpu } from "../../src/load/cpu.ts";
import { type Container, eventually, type Fleet, type Hv, HYPERVISORS, Lab } from "./lab.ts";
import { replicaLoad, type Reading, type Readings } from "../../src/load/samples.ts";
import type { ReplicaMemory } from "../../src/replicas/memory.ts";

jest.setTimeout(120_000);

/** What each replica of t1 may use, in its manifest: 500m. */
const ALLOWED = 0.5;
const BURN = { requests: 12, seconds: 0.5 };

let lab: Lab;
let fleet: Fleet;
let replicas: readonly Container[];

beforeAll(async () => {
  lab = await Lab.up("load");
  fleet = lab.fleet();
  await lab.converge(fleet);
  replicas = await lab.containers("t1", "web");
});
afterAll(() => lab.down());

/** What the real script prints, over SSH and under the same program as always. */
async function read(hv: Hv): Promise<CpuReading> {
  const ssh = ["ssh", "-F", `${lab.keys}/ssh_config_${hv}`, hv, "timeout", "-k", "5", "10", "sh", "-s"];
  const { code, stdout, stderr } = await lab.try("ctl", ssh, cpuScript("n0nce"));
  expect([code, stderr]).toEqual([0, ""]);
  return parseCpu(trusted<HypervisorName>(hv), stdout, "n0nce");
}

/** The kernel's own counter of a group, in seconds, read by its path. */
const counter = async (hv: Hv, group: string): Promise<number> =>
  Number(await lab.sh(hv, `cat /sys/fs/cgroup/cpuacct${group}/cpuacct.usage`)) / 1e9;

const seconds = (reading: CpuReading, { id }: Container): number =>
  (reading.containers.get(id)?.used ?? Number.NaN) / 1e9;

/** As the ledger would have them, with what samples are made of. */
const remembered = ({ hv, incarnation, replica }: Container): ReplicaMemory =>
  ({
    hypervisor: trusted<HypervisorName>(hv),
    incarnation: trusted<Incarnation>(incarnation),
    ordinal: Number(replica.split("-")[1]),
    nanoCpus: ALLOWED * 1e9,
  }) as ReplicaMemory;

const readingsOf = (readings: Readonly<Record<Hv, CpuReading>>, all: readonly Container[]): Readings =>
  new Map(
    HYPERVISORS.map((hv): [HypervisorName, Reading] => {
      const { containers, ...own } = readings[hv];
      const counters = all
        .filter((one) => one.hv === hv)
        .map(({ incarnation, id }) => [trusted<Incarnation>(incarnation), containers.get(id)] as const);
      return [trusted(hv), { ...own, replicas: new Map(counters), figures: new Map() }];
    }),
  );

const readAll = async (): Promise<Record<Hv, CpuReading>> => {
  const [hv1, hv2] = await Promise.all([read("hv1"), read("hv2")]);
  return { hv1, hv2 };
};

test("each counter is what the kernel says, on both hypervisors", async () => {
  const all = await lab.containers();
  expect(new Set(all.map(({ hv }) => hv))).toEqual(new Set(HYPERVISORS));
  for (const hv of HYPERVISORS) {
    const here = all.filter((one) => one.hv === hv && one.running);
    const groups = ["", ...here.map(({ id }) => `/docker/${id}`)];
    const before = await Promise.all(groups.map((group) => counter(hv, group)));
    const reading = await read(hv);
    const after = await Promise.all(groups.map((group) => counter(hv, group)));
    expect(reading.source).toBe("cgroup-v1");
    expect([...reading.containers.keys()].toSorted()).toEqual(here.map(({ id }) => id).toSorted());
    const shown = [reading.used / 1e9, ...here.map((one) => seconds(reading, one))];
    for (const [index, value] of shown.entries()) {
      expect(value).toBeGreaterThanOrEqual(before[index] ?? Number.NaN);
      expect(value).toBeLessThanOrEqual(after[index] ?? Number.NaN);
    }
  }
});

test("a hypervisor's CPUs are its quota, where it has one", async () => {
  const online = Number(await lab.sh("hv1", "nproc"));
  expect((await read("hv1")).cpus).toBe(online);
  await lab.sh("hv1", "echo 150000 > /sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  try {
    expect((await read("hv1")).cpus).toBe(Math.min(1.5, online));
    expect((await read("hv2")).cpus).toBe(online);
  } finally {
    await lab.sh("hv1", "echo -1 > /sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  }
});

test("what replicas burn is what is read, and shows as their load", async () => {
  const all = await lab.containers();
  const url = `http://${fleet.service("t1")}/burn?ms=${BURN.seconds * 1000}`;
  const before = await readAll();
  const burns = Array.from({ length: BURN.requests }, () =>
    lab.try("client", ["curl", "-s", "-m", "60", "-H", "Connection: close", url]),
  );
  const answers = (await Promise.all(burns)).map(({ stdout }) => stdout);
  const after = await readAll();

  const earlier = readingsOf(before, all);
  const later = readingsOf(after, all);
  for (const replica of replicas) {
    // "web-1 burned 500 ms": by the client's count, which knows nothing of counters.
    const asked =
      answers.filter((text) => text.startsWith(`${replica.replica} burned`)).length * BURN.seconds;
    expect(asked).toBeGreaterThan(0);
    const used = seconds(after[replica.hv], replica) - seconds(before[replica.hv], replica);
    expect(used).toBeGreaterThanOrEqual(asked);
    expect(used).toBeLessThan(asked * 1.25 + 0.25);

    const elapsed = after[replica.hv].uptime - before[replica.hv].uptime;
    const sample = replicaLoad(remembered(replica), earlier, later, 100);
    expect(sample).toEqual({ ratio: expect.closeTo(used / elapsed / ALLOWED, 6) });
    expect(used / elapsed).toBeLessThan(ALLOWED * 1.15); // Docker lets it have no more
  }
  for (const other of all.filter(({ tenant }) => tenant !== "t1")) {
    const used = seconds(after[other.hv], other) - seconds(before[other.hv], other);
    expect(used).toBeLessThan(0.25);
  }
  for (const hv of HYPERVISORS) {
    const own = (after[hv].used - before[hv].used) / 1e9;
    const inside = all
      .filter((one) => one.hv === hv)
      .reduce((sum, one) => sum + seconds(after[hv], one) - seconds(before[hv], one), 0);
    expect(own).toBeGreaterThanOrEqual(inside - 0.01);
  }
});

test("a container that was started again has a counter that began anew", async () => {
  const [first] = replicas;
  if (!first) throw new Error("t1 has no replica");
  const before = await readAll();
  await lab.sh(first.hv, `docker restart -t 0 ${first.id}`);
  await eventually("it runs again", async () => {
    const now = await read(first.hv);
    return now.containers.get(first.id) !== undefined;
  });
  const after = await readAll();
  const sample = replicaLoad(
    remembered(first),
    readingsOf(before, replicas),
    readingsOf(after, replicas),
    100,
  );
  expect(sample).toEqual({ missing: "its counter began anew" });
});

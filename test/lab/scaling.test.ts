import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LegacyState } from "../../src/status/legacy-state.ts";
import type { TenantState } from "../../src/status/state.ts";
import { complaints } from "../unit/state-schema.ts";
import { decided, decisions, metric, rounds } from "./decisions.ts";
import { type Background, type Container, eventually, type Fleet, Lab, tally } from "./lab.ts";

jest.setTimeout(180_000);

const HV1 = "provider/hv1.yaml";
const HV2 = "provider/hv2.yaml";
const WEB = "tenants/t1/web.yaml";

let lab: Lab;
let fleet: Fleet;
let daemon: Background;
let load: Background;

beforeAll(async () => {
  lab = await Lab.up("scaling");
  fleet = lab.fleet();
  fleet.remove("provider/t2.yaml", "tenants/t2");
  fleet.edit(HV1, "cpu: 1400m", "replicas: 2");
  fleet.edit(WEB, "min: 3, max: 6", "min: 2, max: 4");
  fleet.edit(WEB, "cpu: 500m", "cpu: 100m"); // so that little is enough to be much
  fleet.write(
    WEB,
    `${fleet.read(WEB)}
  drain: {gracePeriodSeconds: 10, signal: SIGTERM, stopSeconds: 1}
  autoscale: {thresholds: {cpu: {min: 15, max: 50}}, sampleSeconds: 2, windowSeconds: 4, cooldownSeconds: 6}
`,
  );
  daemon = lab.daemon(fleet);
});
afterAll(() => lab.down());

const url = (): string => `http://${fleet.service("t1")}/`;
const names = (containers: readonly Container[]): string[] =>
  containers.map(({ replica, hv }) => `${replica} on ${hv}`);

/** Waits until exactly these stand and run, as Docker tells, and returns them. */
const stands = (...wanted: readonly string[]): Promise<Container[]> =>
  eventually(
    `${wanted.join(", ")} run`,
    async () => {
      const containers = await lab.containers();
      const isSo = names(containers).join() === wanted.join() && containers.every(({ running }) => running);
      return isSo && containers;
    },
    90,
  );

/** The replicas that answer a client. */
const answering = async (): Promise<string[]> => {
  const asked = await lab.requests("client", url(), 20, 10);
  expect(asked.filter(({ status }) => status !== 200)).toEqual([]);
  return Object.keys(tally(asked)).toSorted();
};

/** The tenant's snapshot in a format, as it is asked for on the command line. */
const snapshot = async (format: string): Promise<unknown> =>
  JSON.parse(
    await command(
      `get state -n t1 -o ${format} -f ${fleet.tree} --state-dir ${fleet.state} --keys-dir ${lab.keys}`,
    ),
  );

/** What a work leaves unchanged, as Docker tells: which containers there are, and since when they run. */
async function untouched(work: () => Promise<unknown>): Promise<void> {
  const before = await lab.containers();
  await work();
  expect(await lab.containers()).toEqual(before);
}

const command = (...words: readonly string[]): Promise<string> =>
  lab.sh("ctl", ["node", join(lab.build, "reconcile.js"), ...words].join(" "));

/**
 * More work than any number of replicas gets done, and never more than 32 pieces of it. Each request is on a connection of
 * its own, so that all get their part; who cannot be reached is given up, and does not end the load on the others.
 */
const burn = (): Background => lab.begin("client", ["node", "-e", BURN, `${url()}burn?ms=20`]);

const BURN = `
const ask = () => require("http").get(process.argv[1], { agent: false }, (answer) => answer.resume().on("close", ask))
  .on("error", () => setTimeout(ask, 100))
  .on("socket", (socket) => {
    const late = setTimeout(() => socket.destroy(new Error("not reached")), 1000);
    socket.on("connect", () => clearTimeout(late));
  });
for (let n = 0; n < 32; n++) ask();`;

test("T3 idle: little load, and round after round nothing is done", async () => {
  await stands("web-1 on hv1", "web-2 on hv1");
  await rounds(lab, 2);
  const some = lab.begin("client", ["node", join(process.cwd(), "test/lab/client.mjs"), url(), "200"]);
  await untouched(() => rounds(lab, 6));
  const { stdout } = await some.stop();
  const answers = stdout.split("\n").filter(Boolean);
  expect(answers.length).toBeGreaterThan(20);
  expect(answers.filter((line) => !line.includes('"status":200'))).toEqual([]);
  const counts = decisions(fleet).map(({ trace }) => [trace.current, trace.desired]);
  expect(counts.length).toBeGreaterThan(2);
  for (const count of counts) expect(count).toEqual([2, 2]);
});

test("T5 container scale-up: load on the containers, and new ones serve on the free hypervisor", async () => {
  const before = await lab.containers();
  load = burn();
  const after = await stands("web-1 on hv1", "web-2 on hv1", "web-3 on hv2", "web-4 on hv2");
  expect(after.slice(0, 2)).toEqual(before);
  await eventually("all are balanced", async () => (await answering()).length === 4);
  const shown = JSON.parse(
    await command(
      `get replicas -n t1 -o json -f ${fleet.tree} --state-dir ${fleet.state} --keys-dir ${lab.keys}`,
    ),
  ) as {
    items: { metadata: { name: string }; spec: { hypervisor: string }; status: { container: string } }[];
  };
  expect(
    shown.items.map(({ metadata, spec, status }) => [metadata.name, spec.hypervisor, status.container]),
  ).toEqual(after.map(({ replica, hv, name }) => [replica, hv, name]));

  // The snapshot shows order and hypervisor, as Docker has it; and so it does in the predecessor's format.
  const state = (await snapshot("json")) as TenantState;
  expect(complaints(state)).toEqual([]);
  expect(state).toMatchObject({ status: "scaledup", scaledReplicas: 2 });
  expect(
    state.subnets[0]?.replicas.map((one) => [
      one.name,
      one.incarnation,
      one.hypervisor,
      one.address,
      one.managementAddress,
      one.scaled,
      one.scaleOrder,
    ]),
  ).toEqual(
    after.map((one, index) => [
      one.replica,
      one.incarnation,
      one.hv,
      one.address,
      one.managementAddress,
      index >= 2,
      Math.max(index - 1, 0),
    ]),
  );
  const legacy = (await snapshot("legacy")) as LegacyState;
  expect(legacy.Details[0]).toMatchObject({ status: "scaledup", num_cons: "2", num_scaled_cons: "2" });
  expect(Number(legacy.Details[0]?.scaleduptime)).toBe(
    Math.floor(
      (decisions(fleet).findLast(({ trace }) => trace.desired > trace.current)?.trace.at ?? 0) / 1000,
    ),
  );
  const places = (["hv1", "hv2"] as const).map((hv) => ({
    Hypervisor: lab.hypervisor(hv).address,
    List: after.flatMap((one, index) =>
      one.hv === hv
        ? {
            Name: one.replica,
            IP: one.address,
            mgmtIP: one.managementAddress,
            ScaledUpResource: index < 2 ? "no" : "yes",
            ScaledUpOrder: String(Math.max(index - 1, 0)),
          }
        : [],
    ),
  }));
  expect(legacy.Details[0]).toHaveProperty("ConList", places);

  const out = decisions(fleet).filter(({ trace }) => trace.desired > trace.current);
  expect(out.map(({ trace }) => [trace.current, trace.desired])).toEqual([
    [2, 3],
    [3, 4],
  ]);
  for (const { trace } of out) {
    expect(trace.stages[0]?.reason).toMatch(/^cpu \d+.* > 50/);
    expect(trace.placements[0]?.reasons).toEqual(["hv1: no place free"]);
  }
});

test("nowhere to place: it says so, and does nothing about it again and again", async () => {
  fleet.edit(HV2, "fleet: campus", "fleet: campus\n  unschedulable: true");
  fleet.edit(WEB, "max: 4", "max: 6");
  await untouched(async () => {
    await decided(fleet, /^placement: nowhere to place it: hv1: no place free; hv2: unschedulable$/);
    await rounds(lab, 4);
  });
  const events = await command(`events subnet/web -n t1 -f ${fleet.tree} --state-dir ${fleet.state}`);
  expect(events.match(/NowhereToPlace/g)).toHaveLength(1);
  expect(await metric(lab, "evenkeel_condition", 'type="ScalingLimited",status="True"')).toBe(1);
  fleet.edit(WEB, "max: 6", "max: 4");
  fleet.edit(HV2, "\n  unschedulable: true", "");
});

test("thresholds and cooldown are set from the command line while it runs, and the next decision goes by them", async () => {
  const set = (...fields: readonly string[]): Promise<string> =>
    command(`set subnet/web -n t1 ${fields.map((one) => `autoscale.${one}`).join(" ")} ${fleet.tree}`);
  const goesBy = (max: number): Promise<unknown> =>
    eventually(
      `a decision goes by ${max} %`,
      () => decisions(fleet).at(-1)?.trace.metrics[0]?.max === max / 100,
      60,
    );
  await untouched(async () => {
    expect(await set("thresholds.cpu.max=45", "cooldownSeconds=3000")).toMatch(/cooldownSeconds/);
    await goesBy(45);
    expect(fleet.read(WEB)).toContain("max: 45}");
    await set("thresholds.cpu.max=50", "cooldownSeconds=6");
    await goesBy(50);
  });
});

test("hv2 is cut off: its replicas are kept and counted, and load still adds one at home", async () => {
  await decided(fleet, /^bounds: replicas.max is 4$/);
  await lab.hack("cut", "hv2");
  fleet.edit(HV1, "replicas: 2", "replicas: 9");
  await untouched(() => rounds(lab, 4));
  const before = await lab.containers();
  fleet.edit(WEB, "max: 4", "max: 5");
  const after = await stands(...names(before), "web-5 on hv1");
  expect(after.slice(0, 4)).toEqual(before);
  await untouched(async () => {
    await rounds(lab, 4);
    await lab.hack("heal", "hv2");
    await eventually(
      "hv2 is seen",
      async () => (await metric(lab, "evenkeel_hypervisor_up", 'hypervisor="hv2"')) === 1,
    );
    await rounds(lab, 4);
  });
});

test("killed, and started again: count and cooldown are as they were", async () => {
  fleet.edit(WEB, "cooldownSeconds: 6", "cooldownSeconds: 3600");
  await rounds(lab, 1);
  await load.stop("SIGKILL");
  await daemon.stop("SIGKILL");
  await untouched(async () => {
    daemon = lab.daemon(fleet);
    await decided(fleet, /^cooldown: the cooldown of 3600 s after 4 → 5 is not over$/);
    await rounds(lab, 3);
  });
});

test("paused, and the ledger lost: the count is what stands, and nothing is scaled in", async () => {
  await command(`pause subnet/web -n t1 --reason tests ${fleet.tree}`);
  await decided(fleet, /^pause: paused: tests$/);
  await untouched(async () => {
    expect((await daemon.stop()).code).toBe(0);
    fleet.forget();
    daemon = lab.daemon(fleet);
    const { trace } = await decided(fleet, /^pause: paused: tests$/);
    expect([trace.current, trace.desired]).toEqual([5, 5]);
    await rounds(lab, 3);
  });
});

test("the counter of one replica cannot be read: no scale-in, and the decision says why", async () => {
  const one = (await lab.containers())[1];
  if (!one) throw new Error("no container");
  const counter = `/sys/fs/cgroup/cpuacct/docker/${one.id}/cpuacct.usage`;
  await lab.sh(one.hv, `mount --bind /dev/null ${counter}`);
  fleet.edit(WEB, "cooldownSeconds: 3600", "cooldownSeconds: 6");
  await rounds(lab, 1);
  await untouched(async () => {
    await command(`resume subnet/web -n t1 ${fleet.tree}`);
    const { replicas } = await decided(fleet, /^window: .*but some ready replicas have no sample$/);
    expect(replicas[1]?.sample).toEqual({ missing: "its counter was not there" });
    await rounds(lab, 5);
  });
  await lab.sh(one.hv, `umount ${counter}`);
});

test("T6 container scale-down: the last added goes, one with each decision, and cooldown lies between", async () => {
  const before = await lab.containers();
  const seen: string[][] = [names(before)];
  await eventually(
    "two are left",
    async () => {
      const now = names(await lab.containers());
      if (now.join() !== seen.at(-1)?.join()) seen.push(now);
      return now.length === 2;
    },
    90,
  );
  const left = (count: number): string[] => names(before.slice(0, count));
  expect(seen).toEqual([left(5), left(4), left(3), left(2)]);
  expect(await lab.containers()).toEqual(before.slice(0, 2));
  await rounds(lab, 2);
  const changes = decisions(fleet).filter(({ trace }) => trace.desired !== trace.current);
  expect(changes.map(({ trace }) => [trace.current, trace.desired])).toEqual([
    [5, 4],
    [4, 3],
    [3, 2],
  ]);
  const times = changes.map(({ trace }) => trace.at);
  for (const [index, time] of times.slice(1).entries())
    expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(6000);
  expect(await answering()).toEqual(["web-1", "web-2"]);
  // Who polls the file sees it too.
  const file = join(fleet.state, "snapshots", "t1.json");
  const state = await eventually("the file says idle", () => {
    const read = JSON.parse(readFileSync(file, "utf8")) as TenantState;
    return read.status === "idle" && read;
  });
  expect(state.subnets[0]?.replicas.map(({ name, hypervisor }) => `${name} on ${hypervisor}`)).toEqual(
    left(2),
  );
});

describe("home first:", () => {
  test("a new one stands at home while home has room and little to do", async () => {
    fleet.edit(HV1, "  capacity:", "  load: {min: 10, max: 45}\n  capacity:");
    fleet.edit(WEB, "max: 5", "max: 3");
    load = burn();
    await stands("web-1 on hv1", "web-2 on hv1", "web-3 on hv1");
  });

  test("others' work there counts: the next bursts, not before a pause is over, and what was decided says why", async () => {
    // Of its own, and ahead of other work on this machine.
    const work = "echo 8192 > /sys/fs/cgroup/cpu/cpu.shares; while :; do :; done";
    const others = lab.begin("hv1", ["timeout", "--foreground", "100", "sh", "-c", work]);
    await eventually(
      "home is loaded",
      async () => (await metric(lab, "evenkeel_hypervisor_load_ratio", 'hypervisor="hv1"')) > 0.45,
      60,
    );
    const before = await lab.containers();
    await command(`pause subnet/web -n t1 --reason tests ${fleet.tree}`);
    fleet.edit(WEB, "max: 3", "max: 4");
    await untouched(async () => {
      await decided(fleet, /^pause: paused: tests$/);
      await rounds(lab, 3);
    });
    await command(`resume subnet/web -n t1 ${fleet.tree}`);
    expect((await stands(...names(before), "web-4 on hv2")).slice(0, 3)).toEqual(before);
    const out = decisions(fleet).findLast(({ trace }) => trace.desired > trace.current);
    expect(out?.trace.placements[0]).toMatchObject({
      hypervisor: "hv2",
      reasons: [expect.stringMatching(/^hv1: load \d+(\.\d+)? % ≥ its max 45 %$/)],
    });
    await eventually("the event is there", async () =>
      (await command(`events replica/web-4 -n t1 -f ${fleet.tree} --state-dir ${fleet.state}`)).includes(
        "on hv2",
      ),
    );
    await others.stop();
    await load.stop("SIGKILL");
    expect((await daemon.stop()).code).toBe(0);
  });
});

import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Background, eventually, type Fleet, type Hv, Lab, namespace, tally } from "./lab.ts";

jest.setTimeout(120_000);

let lab: Lab;
let fleet: Fleet;
let daemon: Background | undefined;

beforeAll(async () => {
  lab = await Lab.up("daemon");
  fleet = lab.fleet();
});
afterAll(() => lab.down());

const url = (tenant: string): string => `http://${fleet.service(tenant)}/`;

/** Whether exactly so many replicas of a tenant answer. */
async function doAnswer(tenant: string, replicas: number): Promise<boolean> {
  const asked = await lab.requests("client", url(tenant), 2 * replicas);
  return Object.keys(tally(asked)).length === replicas && asked.every(({ status }) => status === 200);
}
const answers = (tenant: string, replicas: number): Promise<true> =>
  eventually(`${replicas} replicas of ${tenant} answer`, () => doAnswer(tenant, replicas));

const ids = async (tenant?: string): Promise<string[]> =>
  (await lab.containers(tenant)).map(({ id }) => id).toSorted();

const pidOf = async (): Promise<string> =>
  (await lab.try("ctl", ["pgrep", "-f", `reconcile.js.*${fleet.tree}`])).stdout.trim().split("\n").at(-1) ??
  "";

/**
 * The daemon, when it has brought each tenant to so many replicas and no more, whatever the tests before have left. They
 * commit what they change and is to stay.
 */
async function keeping(counts: Readonly<Record<"t1" | "t2", number>>): Promise<Background> {
  const isNew = !existsSync(join(fleet.tree, ".git"));
  if (!isNew) fleet.git("reset", "--quiet", "--hard");
  const before = JSON.stringify(fleet.files());
  for (const [tenant, count] of Object.entries(counts)) {
    const path = `tenants/${tenant}/web.yaml`;
    fleet.write(path, fleet.read(path).replace(/min: \w+/, `min: ${count}`));
  }
  if (isNew || JSON.stringify(fleet.files()) !== before) fleet.commit("As many as the test begins with");
  daemon ??= lab.daemon(fleet);
  const isRight = async ([tenant, count]: [string, number]): Promise<boolean[]> =>
    Promise.all([doAnswer(tenant, count), ids(tenant).then(({ length }) => length === count)]);
  await eventually(
    `replicas are ${JSON.stringify(counts)}`,
    async () => (await Promise.all(Object.entries(counts).map(isRight))).flat().every(Boolean),
    60,
  );
  return daemon;
}

describe("the daemon", () => {
  test("onboards what is there, and a tenant that a commit brings", async () => {
    const all = fleet.files();
    fleet.remove("provider/t1.yaml", "tenants/t1");
    fleet.commit("Begin with t2");
    daemon = lab.daemon(fleet);
    await answers("t2", 3);
    await daemon.says(/"Begin with t2" by Web Team/);
    expect(await ids("t1")).toEqual([]);

    for (const [path, text] of Object.entries(all)) if (path.includes("t1")) fleet.write(path, text);
    fleet.commit("Let t1 come");
    await answers("t1", 3);
    await daemon.says(/"Let t1 come" by Web Team/);
  });

  test("mends what it hears of: a bridge deleted in a namespace, a container killed", async () => {
    await keeping({ t1: 3, t2: 3 });
    const bridge = ["ip", "-n", namespace("t1"), "link", "show", "br-web"];
    await lab.sh("hv1", `ip -n ${namespace("t1")} link del br-web`);
    await eventually("the bridge is back", async () => (await lab.try("hv1", bridge)).code === 0);
    await answers("t1", 3);

    const [victim] = await lab.containers("t2");
    if (!victim) throw new Error("no container");
    await lab.sh(victim.hv, `docker kill ${victim.id}`);
    await answers("t2", 3);
  });

  test("a commit changes what it says and nothing else", async () => {
    await keeping({ t1: 3, t2: 3 });
    const before = await ids("t2");
    fleet.edit("tenants/t1/web.yaml", "min: 3", "min: 4");
    fleet.commit("One more for t1");
    await answers("t1", 4);
    expect(await ids("t2")).toEqual(before);
  });

  test("a broken document keeps its last good version, loudly, and stops nobody else", async () => {
    const running = await keeping({ t1: 4, t2: 3 });
    const before = await ids("t1");
    fleet.edit("tenants/t1/web.yaml", "min: 4", "min: four");
    fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
    fleet.commit("A slip");
    await answers("t2", 4);
    await running.says(/tenants\/t1\/web.yaml:\d+:\d+:\s+spec.replicas.min/);
    expect(await ids("t1")).toEqual(before);
    fleet.edit("tenants/t1/web.yaml", "min: four", "min: 4");
    fleet.commit("The slip mended");
  });

  test("an empty tree removes nothing", async () => {
    const running = await keeping({ t1: 4, t2: 4 });
    const before = await ids();
    const service = url("t1");
    fleet.remove("provider", "tenants");
    await running.says(/holds\s+no\s+manifest/);
    // It goes on with what it has in force.
    const [victim] = await lab.containers("t1");
    if (!victim) throw new Error("no container");
    await lab.sh(victim.hv, `docker kill ${victim.id}`);
    await eventually("it runs again", async () =>
      (await lab.requests("client", service, 8)).every(({ status }) => status === 200),
    );
    expect(await ids()).toEqual(before);
    fleet.git("reset", "--quiet", "--hard");
  });

  test("a hypervisor that is cut off is left as it is, and taken up again when it answers", async () => {
    await keeping({ t1: 4, t2: 4 });
    const there = async (hv: Hv): Promise<string[]> =>
      (await lab.containers()).filter((one) => one.hv === hv).map(({ id }) => id);
    const before = await there("hv2");
    expect(before.length).toBeGreaterThan(0);
    await lab.hack("cut", "hv2");
    const [home] = await there("hv1");
    await lab.sh("hv1", `docker kill ${home ?? ""}`);
    await eventually(
      "it runs again",
      async () => {
        const { stdout } = await lab.try("hv1", ["docker", "ps", "-q", "--no-trunc"]);
        return stdout.includes(home ?? "");
      },
      60,
    );
    await lab.sh("hv2", `docker kill ${before[0] ?? ""}`);
    await lab.hack("heal", "hv2");
    await eventually(
      "that of hv2 runs again",
      async () => {
        const { stdout } = await lab.try("hv2", ["docker", "ps", "-q", "--no-trunc"]);
        return stdout.includes(before[0] ?? "");
      },
      60,
    );
    expect(await there("hv2")).toEqual(before);
  });

  test("a second one is refused: on its state directory, and on its hypervisors", async () => {
    await keeping({ t1: 4, t2: 4 });
    const same = await lab.reconcile(fleet);
    expect([same.code, same.stderr]).toEqual([1, expect.stringMatching(/held\s+by.*EK-STATE-HELD/s)]);
    const other = await lab.reconcile(fleet.other(), "--listen", "127.0.0.1:0");
    expect([other.code, other.stderr]).toEqual([
      3,
      expect.stringMatching(/hv\d\s+is\s+held\s+by.*EK-HOST-HELD/s),
    ]);
  });

  test("renews its fence with each look, also where nothing is changed", async () => {
    await keeping({ t1: 4, t2: 4 });
    const fence = "/var/lib/evenkeel/campus/fence";
    await lab.sh("hv2", `sed -i 's/held [0-9]*/held 1/' ${fence}`);
    const home = (await lab.containers("t1")).find(({ hv }) => hv === "hv1");
    await lab.sh("hv1", `docker kill ${home?.id ?? ""}`); // so that it looks
    await eventually("it is renewed", async () => /held \d{10}/.test(await lab.sh("hv2", `cat ${fence}`)));
    await answers("t1", 4);
  });

  test("down and up are said to the daemon, which carries them out", async () => {
    await keeping({ t1: 4, t2: 4 });
    const before = await ids("t1");
    const down = await lab.reconcile(fleet, "down", "tenant/t2", "--yes");
    expect([down.code, down.stdout]).toEqual([0, expect.stringMatching(/nothing of t2 is left/i)]);
    expect(await ids("t2")).toEqual([]);
    const up = await lab.reconcile(fleet, "up", "tenant/t2");
    expect([up.code, up.stdout]).toEqual([0, expect.stringContaining("The daemon brings it up")]);
    await answers("t2", 4);
    expect(await ids("t1")).toEqual(before);
  });

  test("too much that goes at once waits for approval, which the daemon takes", async () => {
    await keeping({ t1: 4, t2: 4 });
    fleet.remove("provider/t1.yaml", "provider/t2.yaml", "tenants/t1", "tenants/t2");
    const before = await ids();
    const refused = await eventually("it is refused", async () => {
      const { stdout } = await lab.reconcile(fleet, "plan");
      return /approve ([0-9a-f]{7})/.exec(stdout)?.[1];
    });
    expect(await ids()).toEqual(before);
    const approved = await lab.reconcile(fleet, "approve", refused);
    expect([approved.code, approved.stdout]).toEqual([
      0,
      expect.stringContaining("The daemon carries it out"),
    ]);
    // A connection that the cut left half open counts until its drain's time is over.
    await eventually("both are gone", async () => (await ids()).length === 0, 60);
    fleet.git("reset", "--quiet", "--hard");
    await answers("t1", 4);
    await answers("t2", 4);
  });

  test("an unhealthy replica is taken out of the balancer and replaced, the others left alone", async () => {
    const running = await keeping({ t1: 4, t2: 4 });
    const check = "\n  healthCheck: {httpGet: {path: /healthz, port: http}, failureThreshold: 2}\n";
    fleet.write("tenants/t1/web.yaml", fleet.read("tenants/t1/web.yaml") + check);
    fleet.commit("Check t1's health");
    await running.says(/Check t1's health/);
    const before = await lab.containers("t1");
    const [ill] = before;
    if (!ill) throw new Error("no container");
    await lab.sh(ill.hv, `docker exec ${ill.id} touch /tmp/unhealthy`);
    await eventually("it is replaced", async () => !(await ids("t1")).includes(ill.id), 60);
    await answers("t1", 4);
    const after = await ids("t1");
    expect(before.filter(({ id }) => after.includes(id))).toHaveLength(3);
  });

  test("drain moves every replica off a hypervisor, make before break, and up lets it be used again", async () => {
    await keeping({ t1: 4, t2: 4 });
    const hv1 = fleet.read("provider/hv1.yaml");
    fleet.write("provider/hv1.yaml", hv1.replace(/cpu: .*/, 'cpu: "6"'));
    fleet.commit("Room for all on hv1");
    const drained = await lab.reconcile(fleet, "drain", "hypervisor/hv2");
    expect([drained.code, drained.stdout]).toEqual([0, expect.stringContaining("hv2 has no replicas")]);
    expect((await lab.containers()).filter(({ hv }) => hv === "hv2")).toEqual([]);
    await answers("t1", 4);
    await answers("t2", 4);
    const up = await lab.reconcile(fleet, "up", "hypervisor/hv2");
    expect([up.code, up.stdout]).toEqual([0, expect.stringContaining("may be used again")]);
  });

  test("drain replaces one replica on request", async () => {
    await keeping({ t1: 4, t2: 4 });
    const before = await lab.containers("t2");
    const chosen = before.find(({ replica }) => replica === "web-2");
    const drained = await lab.reconcile(fleet, "drain", "replica/web-2", "-n", "t2");
    expect([drained.code, drained.stdout]).toEqual([0, expect.stringContaining("web-2 of t2 was replaced")]);
    const after = await lab.containers("t2");
    expect(after.map(({ replica }) => replica).toSorted()).toEqual(
      before.map(({ replica }) => replica).toSorted(),
    );
    expect(before.filter(({ id }) => !after.some((one) => one.id === id))).toEqual([chosen]);
  });

  test("killed in the middle of a roll, it goes on when it is started again, and does nothing twice", async () => {
    const running = await keeping({ t1: 4, t2: 4 });
    const before = await ids("t2");
    fleet.edit("tenants/t1/web.yaml", "value: hello from t1", "value: hello again from t1");
    fleet.commit("Say hello again");
    await eventually("the roll has begun", async () => (await lab.containers("t1")).length > 4);
    await lab.sh("ctl", `kill -KILL ${await pidOf()}`);
    await running.ended;
    daemon = lab.daemon(fleet);
    await eventually("all are new", async () => {
      const asked = await lab.requests("client", url("t1"), 8);
      return asked.every(({ greeting }) => greeting === "hello again from t1");
    });
    await eventually("the old ones are gone", async () => (await lab.containers("t1")).length === 4);
    expect(await ids("t2")).toEqual(before);
  });

  test("ends well when it is asked to, and leaves the hypervisors to whoever comes next", async () => {
    const running = await keeping({ t1: 4, t2: 4 });
    await lab.sh("ctl", `kill -TERM ${await pidOf()}`);
    expect(await running.ended).toBe(0);
    daemon = undefined;
    const before = await lab.snapshots();
    const ran = await lab.once(fleet.other());
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining("No change")]);
    expect(await lab.snapshots()).toEqual(before);
  });
});

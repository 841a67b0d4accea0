import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import type { TenantState } from "../../src/status/state.ts";
import { complaints } from "../unit/state-schema.ts";
import { type Background, type Container, eventually, type Fleet, Lab, type Ran } from "./lab.ts";

jest.setTimeout(180_000);

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await Lab.up("snapshot");
  fleet = lab.fleet();
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const get = (...words: readonly string[]): Promise<Ran> =>
  lab.try("ctl", [
    "node",
    join(lab.build, "reconcile.js"),
    "get",
    ...words,
    "-f",
    fleet.tree,
    "--state-dir",
    fleet.state,
    "--keys-dir",
    lab.keys,
  ]);

const told = (state: TenantState): unknown[] =>
  state.subnets.flatMap(({ replicas }) =>
    replicas.map((one) => [one.name, one.incarnation, one.hypervisor, one.address, one.managementAddress]),
  );
const standing = (containers: readonly Container[]): unknown[] =>
  containers.map((one) => [one.replica, one.incarnation, one.hv, one.address, one.managementAddress]);

const inFile = (): TenantState =>
  JSON.parse(readFileSync(join(fleet.state, "snapshots", "t2.json"), "utf8")) as TenantState;

describe("a tenant's snapshot", () => {
  test("is what Docker shows, and what its schema says", async () => {
    const { code, stdout } = await get("state", "-n", "t2", "-o", "json");
    expect(code).toBe(0);
    const state = JSON.parse(stdout) as TenantState;
    expect(complaints(state)).toEqual([]);
    expect(told(state)).toEqual(standing(await lab.containers("t2")));
    expect(state).toMatchObject({ status: "idle", scaledReplicas: 0, lastScaleUpTime: null });
    expect(stdout).not.toContain("t1");
  });

  test("is in its file as --once left it", async () => {
    const state = inFile();
    expect(complaints(state)).toEqual([]);
    expect(told(state)).toEqual(standing(await lab.containers("t2")));
  });

  test("is the same over HTTP and in its file, and follows what happens", async () => {
    const daemon = lab.daemon(fleet, "--resync", "2s");
    const path = "http://127.0.0.1:9478/apis/evenkeel.dev/v1alpha1/tenants";
    const asked = (rest: string): Promise<Ran> =>
      lab.try("ctl", ["curl", "-s", "-m", "5", "-w", "\n%{http_code}", `${path}/${rest}`]);
    const overHttp = async (): Promise<TenantState | undefined> => {
      const [, body = "", status] = /^([^]*)\n(\d+)$/.exec((await asked("t2/state")).stdout) ?? [];
      return status === "200" ? (JSON.parse(body) as TenantState) : undefined;
    };
    const state = await eventually("it answers", overHttp);
    expect(complaints(state)).toEqual([]);
    expect(told(state)).toEqual(standing(await lab.containers("t2")));
    await eventually("the files are there", () =>
      existsSync(join(fleet.state, "snapshots", "t2.legacy.json")),
    );
    expect(told(inFile())).toEqual(told(state));
    expect((await asked("t9/state")).stdout).toMatch(/\n404$/);
    expect(JSON.parse((await asked("t2/state/legacy")).stdout.replace(/\n\d+$/, ""))).toMatchObject({
      TName: "t2",
      Details: [{ SubnetName: "batch" }, { SubnetName: "web", num_scaled_cons: "0" }],
    });

    const whole = await lab.containers("t2");
    const [, victim] = whole;
    if (!victim) throw new Error("no container");
    await lab.sh(victim.hv, `docker rm -f ${victim.id}`);
    const isReplaced = (found: TenantState | undefined): boolean =>
      found !== undefined &&
      !JSON.stringify(found).includes(victim.incarnation) &&
      told(found).length === whole.length &&
      allReady(found);
    await eventually("another stands in its place", async () => isReplaced(await overHttp()), 90);
    await eventually("the file says so", () => isReplaced(inFile()));
    expect(told(inFile())).toEqual(standing(await lab.containers("t2")));

    await unseen(daemon, overHttp);
  });

  /** hv2 is cut off: what stands there is not known, and is neither gone nor well. */
  async function unseen(daemon: Background, overHttp: () => Promise<TenantState | undefined>): Promise<void> {
    const before = await lab.containers("t2");
    await lab.hack("cut", "hv2");
    const readiness = (state: TenantState | undefined): string =>
      (state?.subnets.flatMap(({ replicas }) => replicas) ?? [])
        .map(({ name, hypervisor, phase, ready }) => `${name} ${hypervisor} ${phase} ${ready}`)
        .join();
    const expected = before
      .map(({ replica, hv }) => `${replica} ${hv} ${hv === "hv2" ? "unknown unknown" : "serving yes"}`)
      .join();
    await eventually("it is not known", async () => readiness(await overHttp()) === expected, 60);
    await eventually("the file says so", () => readiness(inFile()) === expected);
    expect(complaints(inFile())).toEqual([]);
    await lab.hack("heal", "hv2");
    await eventually("it is known again", async () => allReady(await overHttp()), 60);
    expect((await daemon.stop()).code).toBe(0);
  }

  const allReady = (state: TenantState | undefined): boolean =>
    state?.subnets.every(({ replicas }) => replicas.every(({ ready }) => ready === "yes")) ?? false;
});

describe("export", () => {
  const lost = ["provider/t2.yaml", "tenants/t2/web.yaml", "tenants/t2/batch.yaml"];

  test("of a converged tenant whose files and ledger are lost: diff against what it wrote shows no difference", async () => {
    const files = fleet.files();
    fleet.remove("provider/t2.yaml", "tenants/t2");
    const before = await lab.snapshots();
    const { code, stdout } = await lab.reconcile(fleet, "export", "-n", "t2", "--write");
    expect(code).toBe(0);
    for (const file of lost) expect(stdout).toContain(`  ${file}\n`);
    expect(parse(fleet.read("tenants/t2/web.yaml"))).toMatchObject({
      spec: {
        cidr: "10.13.13.0/24",
        workload: {
          image: "evenkeel/web:1",
          env: [{ name: "GREETING", value: "hello from t2" }],
          resources: { cpu: "200m", memory: "64Mi" },
        },
        service: { address: "198.18.100.10" },
      },
    });
    expect(fleet.read("tenants/t2/web.yaml")).not.toMatch(/FILL IN|CHECK/);
    expect(fleet.read("tenants/t2/batch.yaml")).toContain("# FILL IN spec.workload: no replica stands");

    fleet.forget();
    const diff = await lab.reconcile(fleet, "diff");
    expect([diff.code, diff.stdout]).toEqual([0, ""]);
    // And it is in force: nothing is done, and the tenant goes on as it did.
    await lab.converge(fleet);
    expect(await lab.snapshots()).toEqual(before);

    // A second time nothing is overwritten.
    const again = await lab.reconcile(fleet, "export", "-n", "t2", "--write");
    expect([again.code, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toMatch(/is\s+there\s+already;\s+nothing\s+was\s+written/);
    fleet.restore(files);
  });

  test("prints what a tenant is made of, and none of another's", async () => {
    const { code, stdout } = await lab.reconcile(fleet, "export", "-n", "t1");
    expect(code).toBe(0);
    const documents = parseAllDocuments(stdout).map((one) => one.toJS() as { kind: string });
    expect(documents.map(({ kind }) => kind)).toEqual(["Tenant", "Subnet"]);
    expect(stdout).toContain("hello from t1");
    expect(stdout).not.toMatch(/t2|198\.18\.100\.10\b/);
    expect((await lab.reconcile(fleet, "export", "-n", "t9")).code).toBe(1);
  });

  test("says what it did not see, and writes nothing then", async () => {
    const files = fleet.files();
    fleet.remove("provider/t2.yaml", "tenants/t2");
    await lab.hack("cut", "hv2");
    const printed = await lab.reconcile(fleet, "export", "-n", "t2");
    expect(printed.code).toBe(3);
    expect(printed.stdout.match(/# NOT SEEN: hv2\./g)).toHaveLength(lost.length);
    const written = await lab.reconcile(fleet, "export", "-n", "t2", "--write");
    expect([written.code, written.stdout]).toEqual([1, ""]);
    expect(Object.keys(fleet.files()).filter((file) => lost.includes(file))).toEqual([]);
    await lab.hack("heal", "hv2");
    fleet.restore(files);
  });
});

describe("import", () => {
  test("of a tenant whose containers stand there unmarked: it comes up beside them, and they are left alone", async () => {
    await lab.sh("hv1", "docker run -d --name T4N1C1 --network none evenkeel/web:1");
    const old = (): Promise<string> => lab.sh("hv1", "docker inspect T4N1C1");
    const before = await old();
    const replica = {
      Name: "T4N1C1",
      IP: "10.40.0.2",
      mgmtIP: "192.1.2.3",
      ScaledUpResource: "no",
      ScaledUpOrder: "0",
    };
    const file = join(fleet.tree, "..", "old.json");
    writeFileSync(
      file,
      JSON.stringify({
        TName: "T4",
        Details: [
          {
            SubnetName: "T4-N1",
            NetName: "T4N1",
            Subnet: "10.40.0.0",
            Mask: "24",
            image_name: "evenkeel/web:1",
            num_cons: "1",
            max_load: "10",
            min_load: "5",
            cooldownperiod: "0",
            ConList: [
              { Hypervisor: lab.hypervisor("hv1").address, List: [replica] },
              { Hypervisor: lab.hypervisor("hv2").address, List: [] },
            ],
          },
        ],
      }),
    );
    const imported = await lab.try("ctl", [
      "node",
      join(lab.build, "reconcile.js"),
      "import",
      file,
      fleet.tree,
    ]);
    expect([imported.code, imported.stderr]).toEqual([0, ""]);
    expect(imported.stdout).toContain(`  ${lab.hypervisor("hv1").address}  T4N1C1  10.40.0.2\n`);
    // The tree describes both hypervisors already.
    expect(imported.stdout).not.toContain("provider/hv");
    expect(
      (await lab.try("ctl", ["node", join(lab.build, "reconcile.js"), "validate", fleet.tree])).code,
    ).toBe(0);
    // It is guessed to take a whole CPU of what it may, for which there is room on hv2.
    const plan = await lab.reconcile(fleet, "plan");
    expect(plan.code).toBe(0);
    expect(plan.stdout).toMatch(/\+ container\s+n1-1@hv2/);
    expect(plan.stdout).not.toContain("T4N1C1");

    await lab.converge(fleet);
    expect((await lab.containers("t4")).map(({ replica: name, hv, running }) => [name, hv, running])).toEqual(
      [["n1-1", "hv2", true]],
    );
    expect(await old()).toBe(before);
  });
});

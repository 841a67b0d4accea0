import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
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

  test("is the same over HTTP and in its file, and follows what happens", async () => {
    const daemon = lab.daemon(fleet, "--resync", "2s");
    const path = "http://127.0.0.1:9478/apis/evenkeel.dev/v1alpha1/tenants";
    const asked = (rest: string): Promise<Ran> =>
      lab.try("ctl", ["curl", "-s", "-m", "5", "-w", "\n%{http_code}", `${path}/${rest}`]);
    const overHttp = async (): Promise<TenantState | undefined> => {
      const [, body = "", status] = /^([^]*)\n(\d+)$/.exec((await asked("t2/state")).stdout) ?? [];
      return status === "200" ? (JSON.parse(body) as TenantState) : undefined;
    };
    const inFile = (): TenantState =>
      JSON.parse(readFileSync(join(fleet.state, "snapshots", "t2.json"), "utf8")) as TenantState;
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

    await unseen(daemon, overHttp, inFile);
  });

  /** hv2 is cut off: what stands there is not known, and is neither gone nor well. */
  async function unseen(
    daemon: Background,
    overHttp: () => Promise<TenantState | undefined>,
    inFile: () => TenantState,
  ): Promise<void> {
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

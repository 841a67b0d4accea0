import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { eventually, type Fleet, type Hv, Lab, namespace, partOf, type Ran, tally } from "./lab.ts";

jest.setTimeout(120_000);

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await Lab.up("home");
  fleet = lab.fleet();
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const said = ({ stdout, stderr }: Ran): string => stdout + stderr;
const url = (tenant: string): string => `http://${fleet.service(tenant)}/`;
const SPREAD = { "web-1": 4, "web-2": 4, "web-3": 4 };

/** Whether a hypervisor answers for a tenant's service address. */
const announces = async (hv: Hv, tenant: string): Promise<boolean> =>
  (await lab.try(hv, ["ip", "-n", namespace(tenant), "link", "show", "up0"])).code === 0;

const move = (tenant: string, from: Hv, to: Hv): void => {
  fleet.edit(`provider/${tenant}.yaml`, `primary: ${from}`, `primary: ${to}`);
  fleet.edit(`provider/${tenant}.yaml`, `[{name: ${to}}]`, `[{name: ${from}}]`);
};

describe("a changed primary", () => {
  test("moves gateway and service; replicas stay where they are, the other tenant as it is", async () => {
    const before = await lab.snapshots();
    const containers = (await lab.containers("t1")).map(({ id }) => id).toSorted();
    move("t1", "hv1", "hv2");
    const ran = await lab.converge(fleet);
    expect(said(ran)).not.toContain("HomeUnreachable");
    expect([await announces("hv1", "t1"), await announces("hv2", "t1")]).toEqual([false, true]);
    expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
    expect((await lab.containers("t1")).map(({ id }) => id).toSorted()).toEqual(containers);
    expect(partOf(await lab.snapshots(), "t2")).toEqual(partOf(before, "t2"));
    const again = await lab.once(fleet);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("No change")]);
  });

  test("while the old home is not seen waits for somebody who says that it is off", async () => {
    const before = await lab.snapshots();
    await lab.hack("cut", "hv2");
    move("t1", "hv2", "hv1");
    const held = await lab.once(fleet);
    const [, id = ""] = /reconcile approve ([0-9a-f]{7})\s+--old-home-off/.exec(said(held)) ?? [];
    expect([held.code, id]).toEqual([3, expect.stringMatching(/^[0-9a-f]{7}$/)]);
    expect(await announces("hv1", "t1")).toBe(false);

    const unsure = await lab.reconcile(fleet, "approve", id);
    expect([unsure.code, said(unsure)]).toEqual([1, expect.stringContaining("--old-home-off")]);
    const sure = await lab.reconcile(fleet, "approve", id, "--old-home-off");
    expect([sure.code, said(sure)]).toEqual([0, expect.stringContaining(`Approved ${id}`)]);
    // hv2 is cut off from the underlay alone: that it is off is a lie here, so its answer is taken away by hand.
    await lab.inTenant("hv2", "t1", "ip link set up0 down");
    await lab.once(fleet);
    expect(await announces("hv1", "t1")).toBe(true);
    await eventually("it answers from its new home", async () =>
      (await lab.requests("client", url("t1"), 4)).some(({ status }) => status === 200),
    );

    await lab.hack("heal", "hv2");
    await lab.converge(fleet);
    expect([await announces("hv1", "t1"), await announces("hv2", "t1")]).toEqual([true, false]);
    expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
    expect(partOf(await lab.snapshots(), "t2")).toEqual(partOf(before, "t2"));
  });
});

test("a hypervisor whose document goes is emptied first, make before break, and then forgotten", async () => {
  fleet.edit("provider/hv1.yaml", "cpu: 1400m", 'cpu: "4"');
  for (const tenant of ["t1", "t2"])
    fleet.edit(`provider/${tenant}.yaml`, "standby: [{name: hv2}]", "standby: []");
  fleet.remove("provider/hv2.yaml");
  await lab.converge(fleet);
  expect((await lab.containers()).filter(({ hv }) => hv === "hv2")).toEqual([]);
  expect((await lab.try("hv2", ["ip", "netns", "list"])).stdout).not.toContain("campus.");
  for (const tenant of ["t1", "t2"])
    expect(tally(await lab.requests("client", url(tenant), 12))).toEqual(SPREAD);
  const again = await lab.once(fleet);
  expect([again.code, said(again)]).toEqual([0, expect.not.stringContaining("hv2")]);
});

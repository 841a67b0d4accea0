import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { rmSync } from "node:fs";
import { eventually, type Fleet, Lab, namespace, partOf, type Ran, tally } from "./lab.ts";

jest.setTimeout(90_000);

let lab: Lab;
let fleet: Fleet;
let example: Record<string, string>;

beforeAll(async () => {
  lab = await Lab.up("removal");
  fleet = lab.fleet();
  example = fleet.files();
  await lab.converge(fleet);
});
afterEach(async () => {
  await lab.hack("heal", "hv2");
  fleet.restore(example);
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const SPREAD = { "web-1": 4, "web-2": 4, "web-3": 4 };
const url = (tenant: string, path = "/"): string => `http://${fleet.service(tenant)}${path}`;
const said = ({ stdout, stderr }: Ran): string => stdout + stderr;
const removeTenant = (tenant: string): void => fleet.remove(`provider/${tenant}.yaml`, `tenants/${tenant}`);

async function touchesNothing(
  code: number,
  run: () => Promise<Ran> = () => lab.once(fleet),
): Promise<string> {
  const before = await lab.snapshots();
  const ran = await run();
  expect([ran.code, said(ran)]).toEqual([code, expect.anything()]);
  expect(await lab.snapshots()).toEqual(before);
  return said(ran);
}

/** Nothing of the tenant is anywhere: no namespace, container, link, rule, route; its VXLAN ids are free. */
async function isGone(tenant: string, ids: readonly number[]): Promise<void> {
  const snapshots = await lab.snapshots();
  expect(JSON.stringify(snapshots)).not.toMatch(
    new RegExp(`${namespace(tenant).replace(".", "\\.")}|campus:${tenant}\\b`),
  );
  expect(await lab.containers(tenant)).toEqual([]);
  for (const id of ids)
    await lab.sh("hv1", `ip link add vxtry type vxlan id ${id} dstport 4789 dev eth0; ip link del vxtry`);
}

async function vxlanIds(tenant: string): Promise<number[]> {
  const links = await lab.inTenant("hv1", tenant, "ip -d link show type vxlan");
  return [...links.matchAll(/vxlan id (\d+)/g)].map(([, id]) => Number(id));
}

/** The id of a plan that was refused, as people are told it. */
const idIn = (text: string): string => /approve ([0-9a-f]{7})\b/.exec(text)?.[1] ?? `no id in: ${text}`;

test("a tenant whose files are gone goes whole, and the other is untouched", async () => {
  const ids = await vxlanIds("t2");
  expect(ids).toHaveLength(3);
  const address = fleet.service("t2");
  const other = partOf(await lab.snapshots(), "t1");
  removeTenant("t2");
  await lab.converge(fleet);
  await isGone("t2", ids);
  expect(partOf(await lab.snapshots(), "t1")).toEqual(other);
  expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
  expect(tally(await lab.requests("client", `http://${address}/`, 1, 1))).toEqual({ none: 1 });
  await touchesNothing(0);
});

test("and so does the last one, with the guard chain", async () => {
  removeTenant("t2");
  await lab.converge(fleet);
  const ids = await vxlanIds("t1");
  removeTenant("t1");
  await lab.converge(fleet);
  await isGone("t1", ids);
  for (const snapshot of Object.values(await lab.snapshots()))
    expect(JSON.stringify(snapshot)).not.toMatch(/EVENKEEL|campus/);
});

test("a download that was begun before its tenant goes ends whole", async () => {
  const format = "%{http_code} %{size_download}";
  const slow = url("t2", "/bytes?n=900000&rate=300000");
  const download = lab.begin("client", ["curl", "-s", "-m", "20", "-o", "/dev/null", "-w", format, slow]);
  const connections = "conntrack -L -p tcp --state ESTABLISHED 2>/dev/null | grep -c . || :";
  await eventually("it is on its way", async () => Number(await lab.inTenant("hv1", "t2", connections)) > 0);
  const ids = await vxlanIds("t2");
  removeTenant("t2");
  await lab.converge(fleet);
  expect(await download.ended).toBe(0);
  expect(download.stdout).toBe("200 900000");
  await isGone("t2", ids);
});

test("with hv2 cut its part there stays, exit 3, and goes when it is back", async () => {
  const ids = await vxlanIds("t2");
  removeTenant("t2");
  await lab.hack("cut", "hv2");
  const there = await lab.snapshot("hv2");
  const ran = await lab.once(fleet);
  expect([ran.code, said(ran)]).toEqual([3, expect.stringMatching(/hv2/)]);
  expect(await lab.snapshot("hv2")).toEqual(there);
  await lab.hack("heal", "hv2");
  await lab.converge(fleet);
  await isGone("t2", ids);
});

test("the files of both tenants gone: refused, exit 3, nothing is touched; approved, both go", async () => {
  const ids = [...(await vxlanIds("t1")), ...(await vxlanIds("t2"))];
  removeTenant("t1");
  removeTenant("t2");
  const id = idIn(await touchesNothing(3));
  expect((await lab.reconcile(fleet, "approve", "0000000")).code).toBe(1);
  await touchesNothing(3);

  const approved = await lab.reconcile(fleet, "approve", id);
  expect([approved.code, said(approved)]).toEqual([0, expect.anything()]);
  await lab.converge(fleet);
  await isGone("t1", ids);
  await isGone("t2", []);
});

describe("a tree that cannot be what was meant: exit 1, nothing is touched:", () => {
  test.each([
    ["empty", () => fleet.restore({ "README.md": "nothing here\n" })],
    ["not there", () => rmSync(fleet.tree, { recursive: true })],
    ["without a hypervisor", () => fleet.remove("provider/hv1.yaml", "provider/hv2.yaml")],
    ["no directory", () => [rmSync(fleet.tree, { recursive: true }), fleet.write("../manifests", "")]],
  ])("%s", async (_what, spoil) => {
    spoil();
    try {
      expect(await touchesNothing(1)).toContain(fleet.tree);
    } finally {
      rmSync(fleet.tree, { recursive: true, force: true });
    }
  });

  test("a tenant's document gone, its subnets' files left", async () => {
    fleet.remove("provider/t2.yaml");
    expect(await touchesNothing(1)).toMatch(/t2/);
  });
});

describe("a broken document: exit 1, and the other tenant is reconciled;", () => {
  async function onlyTheOtherChanges(): Promise<void> {
    const held = partOf(await lab.snapshots(), "t1");
    fleet.edit("tenants/t1/web.yaml", "min: 3, max: 6", "min: 1, max: six");
    fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
    const ran = await lab.once(fleet);
    expect([ran.code, said(ran)]).toEqual([1, expect.stringMatching(/tenants\/t1\/web\.yaml:\d+:\d+/)]);
    expect(await lab.containers("t2")).toHaveLength(4);
    expect(partOf(await lab.snapshots(), "t1")).toEqual(held);
    expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
  }

  test("with its last good version in the ledger, that stays in force", async () => {
    await onlyTheOtherChanges();
    const before = partOf(await lab.snapshots(), "t1");
    await lab.inTenant("hv1", "t1", "ip route del default");
    expect((await lab.once(fleet)).code).toBe(1);
    expect(partOf(await lab.snapshots(), "t1")).toEqual(before);
  });

  test("with a new ledger, its tenant is held as it stands", async () => {
    fleet.forget();
    await onlyTheOtherChanges();
  });

  test("of a tenant that has no other: it is not pruned", async () => {
    fleet.write("tenants/t1/web.yaml", "a: [broken\n");
    expect(await touchesNothing(1)).toMatch(/tenants\/t1\/web\.yaml/);
  });
});

describe("by hand:", () => {
  test("down takes a tenant off the hypervisors and holds it there; up brings it back", async () => {
    const ids = await vxlanIds("t2");
    const other = partOf(await lab.snapshots(), "t1");
    await touchesNothing(1, () => lab.reconcile(fleet, "down", "tenant/t2")); // nobody was asked

    const down = await lab.reconcile(fleet, "down", "tenant/t2", "--yes");
    expect([down.code, said(down)]).toEqual([0, expect.anything()]);
    await isGone("t2", ids);
    await lab.once(fleet);
    await isGone("t2", ids);
    expect(partOf(await lab.snapshots(), "t1")).toEqual(other);

    const up = await lab.reconcile(fleet, "up", "tenant/t2");
    expect([up.code, said(up)]).toEqual([0, expect.anything()]);
    await lab.converge(fleet);
    expect(tally(await lab.requests("client", url("t2"), 12))).toEqual(SPREAD);
  });

  test("approve lets a changed network through: the replicas are made again in it", async () => {
    const old = await lab.containers("t1");
    fleet.edit("tenants/t1/web.yaml", "cidr: 10.13.13.0/24", "cidr: 10.13.77.0/24");
    const id = idIn(await touchesNothing(3));
    expect((await lab.reconcile(fleet, "approve", id)).code).toBe(0);
    await lab.converge(fleet);
    const fresh = await lab.containers("t1");
    expect(fresh.map(({ address }) => address.replace(/\d+$/, ""))).toEqual([
      "10.13.77.",
      "10.13.77.",
      "10.13.77.",
    ]);
    expect(fresh.filter(({ id: one }) => old.some((other) => other.id === one))).toEqual([]);
    expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
    // And back, so that the next test begins where this one did.
    fleet.restore(example);
    expect((await lab.reconcile(fleet, "approve", idIn(await touchesNothing(3)))).code).toBe(0);
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { trusted } from "../../src/api/names.ts";
import { printStates } from "../../src/cli/get-state.ts";
import { fleetView } from "../../src/controllers/fleet-view.ts";
import { withDesired } from "../../src/controllers/scaling.ts";
import { StateFiles } from "../../src/ledger/state-files.ts";
import { importOldFile } from "../../src/manifests/import/import.ts";
import { load } from "../../src/manifests/load.ts";
import { tenantLegacyState, tenantState } from "../../src/server/state.ts";
import { legacyState } from "../../src/status/legacy-state.ts";
import { statesOf, type TenantState } from "../../src/status/state.ts";
import { observation, revisionOf } from "./cli-values.ts";
import { hypervisor, pass, type Scenario, scenario, serving, subnet, T2 } from "./scenario.ts";
import { complaints, shapeOf } from "./state-schema.ts";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const following = { mode: "auto", thresholds: { cpu: { min: 5, max: 10 } }, step: 1, sampleSeconds: 5 };
const WEB = trusted<import("../../src/api/names.ts").SubnetName>("web");
const SCALED_AT = 1_544_257_982_000;

/** Passes until nothing is left to be done, drains included. */
function settle(on: Scenario): void {
  for (let passes = 0; passes < 200; passes += 1) {
    const isMoving = (on.fleet.tenants[T2]?.replicas ?? []).some(({ phase }) => phase !== "serving");
    if (pass(on).length === 0 && !isMoving) return;
  }
  throw new Error("it does not come to rest");
}

/** As in the predecessor's report: one replica stays, three were added, and there is room for two at home. */
function afterScaleUps(): Scenario {
  const autoscale = { ...following, windowSeconds: 15, cooldownSeconds: 0 } as never;
  const on = scenario({
    hypervisors: [hypervisor("hv1", "192.168.50.80", { replicas: 2 }), hypervisor("hv2", "192.168.50.66")],
    subnets: [subnet("web", 1, { autoscale, service: serving(), replicas: { min: 1, max: 5 } })],
  });
  pass(on);
  const last = { at: SCALED_AT, from: 3, to: 4 };
  on.fleet = withDesired(on.fleet, T2, { subnet: WEB, desired: 4, last });
  settle(on);
  return on;
}

function states(on: Scenario, now = SCALED_AT + 60_000): TenantState[] {
  const seen = new Set(
    on.hypervisors.map(({ metadata }) => metadata.name).filter((name) => !on.unseen.includes(name)),
  );
  const observed = on.observed.filter((one) => seen.has(one.hypervisor));
  const sighting = {
    observed,
    seen,
    visible: { docker: seen, libvirt: seen },
    connections: undefined,
    answers: new Map(),
  };
  const tenants = [{ name: T2, sighting, notes: [], pending: [] }];
  return statesOf(
    fleetView({ revision: revisionOf(on), memory: on.fleet, observation: observation(on), tenants, now }),
    now,
  );
}
const state = (on: Scenario): TenantState => {
  const [found] = states(on);
  if (!found) throw new Error("no tenant");
  return found;
};

describe("a tenant's state", () => {
  test("tells of each replica where it stands, and in which order it was added", () => {
    const { status, scaledReplicas, lastScaleUpTime, hypervisors, subnets } = state(afterScaleUps());
    expect({ status, scaledReplicas, lastScaleUpTime }).toEqual({
      status: "scaledup",
      scaledReplicas: 3,
      lastScaleUpTime: "2018-12-08T08:33:02.000Z",
    });
    expect(hypervisors.map(({ name, role, seen }) => [name, role, seen])).toEqual([
      ["hv1", "primary", true],
      ["hv2", "standby", true],
    ]);
    expect(
      subnets[0]?.replicas.map(({ name, hypervisor: hv, address, managementAddress, scaled, scaleOrder }) => [
        name,
        hv,
        address,
        managementAddress,
        scaled,
        scaleOrder,
      ]),
    ).toEqual([
      ["web-1", "hv1", "10.13.13.2", "192.168.252.2", false, 0],
      ["web-2", "hv1", "10.13.13.3", "192.168.252.3", true, 1],
      ["web-3", "hv2", "10.13.13.4", "192.168.252.4", true, 2],
      ["web-4", "hv2", "10.13.13.5", "192.168.252.5", true, 3],
    ]);
  });

  test("is as its schema says, seen or unseen; and the schema can say no", () => {
    const on = afterScaleUps();
    expect(complaints(state(on))).toEqual([]);
    on.unseen.push("hv2");
    expect(complaints(state(on))).toEqual([]);
    expect(complaints({ ...state(on), scaledReplicas: "3" })).toEqual([
      "/scaledReplicas: must be integer,null",
    ]);
  });

  test("says of what was not seen that it is not known, and keeps what is remembered", () => {
    const on = afterScaleUps();
    on.unseen.push("hv2");
    on.fleet = { ...on.fleet, seen: on.hypervisors.map(({ metadata }) => metadata.name) };
    const { hypervisors, subnets, status, scaledReplicas } = state(on);
    expect(hypervisors.map(({ seen }) => seen)).toEqual([true, false]);
    expect(subnets[0]?.replicas.map(({ phase, ready }) => [phase, ready])).toEqual([
      ["serving", "yes"],
      ["serving", "yes"],
      ["unknown", "unknown"],
      ["unknown", "unknown"],
    ]);
    expect({ status, scaledReplicas }).toEqual({ status: "scaledup", scaledReplicas: 3 });
  });

  test("counts nothing where a hypervisor that may hold more was never seen", () => {
    const on = afterScaleUps();
    on.unseen.push("hv2");
    on.fleet = { ...on.fleet, seen: [], tenants: {} };
    const found = state(on);
    expect(found).toMatchObject({ status: "unknown", scaledReplicas: null, lastScaleUpTime: null });
    expect(found.subnets[0]).toMatchObject({ status: "unknown", scaledReplicas: null });
    expect(legacyState(found).Details[0]).toMatchObject({ status: "unknown", num_scaled_cons: "" });
    expect(complaints(found)).toEqual([]);
  });

  test("is idle when nothing was added, and a scale-in does not forget when the last scale-up was", () => {
    const on = afterScaleUps();
    const last = { at: SCALED_AT + 30_000, from: 4, to: 1 };
    on.fleet = withDesired(on.fleet, T2, { subnet: WEB, desired: 1, last });
    settle(on);
    expect(state(on)).toMatchObject({
      status: "idle",
      scaledReplicas: 0,
      lastScaleUpTime: "2018-12-08T08:33:02.000Z",
    });
  });

  test("is told in the same order each time, whatever the order it is remembered in", () => {
    const on = afterScaleUps();
    const before = JSON.stringify(states(on));
    const memory = on.fleet.tenants[T2];
    if (!memory) throw new Error("not remembered");
    on.fleet = {
      ...on.fleet,
      tenants: { [T2]: { ...memory, replicas: memory.replicas.toReversed() } },
    };
    on.hypervisors.reverse();
    on.observed.reverse();
    expect(JSON.stringify(states(on))).toBe(before);
  });
});

describe("in the predecessor's format", () => {
  const sample = {
    TName: "T2",
    Details: [
      {
        SubnetName: "T2-N1",
        NetName: "T2N1",
        Subnet: "13.13.13.0",
        Mask: "24",
        image_name: "example/myubuntu:version1",
        num_cons: "1",
        max_load: "10",
        min_load: "5",
        max_hyp_load: "10",
        min_hyp_load: "5",
        cooldownperiod: "0",
        status: "scaledup",
        scaleduptime: "1544257982",
        num_scaled_cons: "3",
        ConList: [
          {
            Hypervisor: "192.168.50.80",
            List: [
              {
                Name: "T2N1C1",
                IP: "13.13.13.2",
                mgmtIP: "192.1.174.217",
                ScaledUpResource: "no",
                ScaledUpOrder: "0",
              },
            ],
          },
        ],
      },
    ],
  };

  test("names, order and types are the predecessor's, all the way down", () => {
    expect(shapeOf(legacyState(state(afterScaleUps())))).toEqual(shapeOf(sample));
  });

  test("values are what they meant there", () => {
    const [details] = legacyState(state(afterScaleUps())).Details;
    expect(details).toMatchObject({
      Subnet: "10.13.13.0",
      Mask: "24",
      num_cons: "1",
      max_load: "10",
      min_load: "5",
      max_hyp_load: "80",
      min_hyp_load: "50",
      cooldownperiod: "0",
      status: "scaledup",
      scaleduptime: "1544257982",
      num_scaled_cons: "3",
    });
    expect(details).toMatchObject({ image_name: "evenkeel/web:1", NetName: "br-web" });
    const places = details && "ConList" in details ? details.ConList : [];
    expect(
      places.map(({ Hypervisor, List }) => [Hypervisor, ...List.map(({ ScaledUpOrder }) => ScaledUpOrder)]),
    ).toEqual([
      ["192.168.50.80", "0", "1"],
      ["192.168.50.66", "2", "3"],
    ]);
  });

  test("virtual machines have the names of that form, and steal for their load", () => {
    const found = state(afterScaleUps());
    const machines = found.subnets.map((one) => ({
      ...one,
      runtime: "libvirt" as const,
      thresholds: { steal: { min: 3, max: 7 } },
    }));
    const [details] = legacyState({ ...found, subnets: machines }).Details;
    expect(details).toMatchObject({ num_vms: "1", num_scaled_vms: "3", max_load: "7", min_load: "3" });
    expect(details).toHaveProperty("VMList");
    expect(details).not.toHaveProperty("ConList");
  });

  test("is taken by import again, which makes of it what it was made from", async () => {
    const file = join(folder, "old.json");
    writeFileSync(file, JSON.stringify(legacyState(state(afterScaleUps()))));
    const tree = join(folder, "imported");
    const { problems } = await importOldFile(file, tree, "src/manifests/first-tree");
    expect(problems).toEqual([]);
    const { tenants } = await load(tree);
    expect(tenants.get(T2)?.subnets.get(WEB)?.spec).toMatchObject({
      cidr: "10.13.13.0/24",
      replicas: { min: 1, max: 4 },
      workload: { image: "evenkeel/web:1" },
      autoscale: { thresholds: { cpu: { min: 5, max: 10 } }, cooldownSeconds: 0 },
    });
  });

  test("has one replica of a name while another takes its place", () => {
    const found = state(afterScaleUps());
    const [web] = found.subnets;
    const [first] = web?.replicas ?? [];
    if (!web || !first) throw new Error("no replica");
    const coming = { ...first, incarnation: "zzzzzzzz", phase: "starting" as const, address: "10.13.13.9" };
    const { Details } = legacyState({ ...found, subnets: [{ ...web, replicas: [coming, first] }] });
    expect(JSON.stringify(Details)).toContain(`"IP":"${first.address}"`);
    expect(JSON.stringify(Details)).not.toContain("10.13.13.9");
  });
});

describe("get state", () => {
  test("prints a table, or one tenant alone", () => {
    const all = states(afterScaleUps());
    expect(
      printStates(all, "table", true),
    ).toBe(`tenant t2: scaledup · 3 scaled · last scale-up 2018-12-08T08:33:02.000Z
NAME    PHASE     READY   SCALED   HYPERVISOR   ADDRESS
web-1   serving   yes     -        hv1          10.13.13.2
web-2   serving   yes     #1       hv1          10.13.13.3
web-3   serving   yes     #2       hv2          10.13.13.4
web-4   serving   yes     #3       hv2          10.13.13.5
`);
    expect(printStates(all, "yaml", true)).toBe(stringify(all[0]));
    expect(JSON.parse(printStates(all, "json", false))).toMatchObject({
      kind: "List",
      items: [{ kind: "TenantState" }],
    });
    expect(printStates(all, "name", false)).toBe("state/t2\n");
    expect(() => printStates([...all, ...all], "legacy", false)).toThrow(
      "-o legacy is of one tenant, and there are 2",
    );
  });
});

test("over HTTP a tenant's state is there after the first look, and is nobody else's", async () => {
  const all = states(afterScaleUps());
  expect(await tenantState(() => undefined)("t2")).toMatchObject({ status: 503 });
  expect(await tenantState(() => all)("t1")).toMatchObject({ status: 404, body: "there is no tenant t1\n" });
  const { status, body } = await tenantState(() => all)("t2");
  expect([status, JSON.parse(body)]).toEqual([200, JSON.parse(JSON.stringify(all[0]))]);
  expect(JSON.parse((await tenantLegacyState(() => all)("t2")).body)).toMatchObject({ TName: "t2" });
});

describe("the files of tenants' states", () => {
  test("hold what is known, are nobody else's to read, and go with the tenant", async () => {
    const directory = join(folder, "files");
    const snapshots = join(directory, "snapshots");
    mkdirSync(snapshots, { recursive: true });
    writeFileSync(join(snapshots, "gone.json"), "{}");
    writeFileSync(join(snapshots, "README"), "kept");
    const files = new StateFiles(directory);
    const all = states(afterScaleUps());
    await files.write(all);
    expect(readdirSync(snapshots).toSorted()).toEqual(["README", "t2.json", "t2.legacy.json"]);
    expect(JSON.parse(readFileSync(join(snapshots, "t2.json"), "utf8"))).toEqual(
      JSON.parse(JSON.stringify(all[0])),
    );
    expect(statSync(join(snapshots, "t2.json")).mode & 0o777).toBe(0o600);
    await files.write([]);
    expect(readdirSync(snapshots)).toEqual(["README"]);
  });

  test("are written when something changed, and else now and then", async () => {
    const directory = join(folder, "again");
    const file = join(directory, "snapshots", "t2.json");
    const files = new StateFiles(directory);
    const on = afterScaleUps();
    const timeAfter = async (later: number): Promise<string> => {
      await files.write(states(on, SCALED_AT + later));
      return (JSON.parse(readFileSync(file, "utf8")) as TenantState).time;
    };
    const first = await timeAfter(0);
    expect(await timeAfter(29_000)).toBe(first);
    expect(await timeAfter(30_000)).not.toBe(first);
    on.unseen.push("hv2");
    expect(await timeAfter(31_000)).toBe("2018-12-08T08:33:33.000Z");
  });
});

import { describe, expect, test } from "@jest/globals";
import { DEFINITIONS } from "../../src/api/definitions.gen.ts";
import type { Note } from "../../src/api/reasons.ts";
import { print } from "../../src/cli/get.ts";
import { withLoads } from "../../src/status/known-loads.ts";
import { viewForesight } from "../../src/cli/observe-fleet.ts";
import { parseWishes, select } from "../../src/cli/select.ts";
import { standingOf } from "../../src/cli/table.ts";
import type { FleetMemory, ReplicaMemory } from "../../src/replicas/memory.ts";
import { conditionsOf, degraded, summaryOf } from "../../src/status/conditions.ts";
import type { FleetView } from "../../src/status/view.ts";
import { foresight } from "./cli-values.ts";
import { each, record } from "./decision-values.ts";
import { pass, type Scenario, scenario, serving, subnet, T2 } from "./scenario.ts";

const note = (reason: Note["reason"], severity: Note["severity"]): Note => ({
  reason,
  object: "subnet/t2/web",
  message: "so it is",
  severity,
});

describe("conditions", () => {
  test.each([
    ["nothing to say", [], 0, "True False False", "Ready AsDesired"],
    ["changes to make", [], 3, "False True False", "Reconciling Progressing"],
    ["waiting", [note("Draining", "waiting")], 0, "False True False", "Reconciling Draining"],
    ["in need of somebody", [note("NameTaken", "stuck")], 2, "False False True", "Stalled NameTaken"],
    [
      "not seen",
      [note("HypervisorUnreachable", "stuck")],
      0,
      "Unknown False True",
      "Unknown HypervisorUnreachable",
    ],
    [
      "not seen, and in need of somebody besides",
      [note("HypervisorUnreachable", "stuck"), note("NowhereToPlace", "stuck")],
      0,
      "False False True",
      "Stalled NowhereToPlace",
    ],
    ["held down", [note("HeldDown", "info")], 0, "False False False", "NotReady HeldDown"],
  ] as const)("of an object with %s", (_, notes, pending, statuses, summary) => {
    const conditions = conditionsOf({ notes, pending, since: "2026-01-01T00:00:00.000Z" });
    expect(conditions.map(({ type }) => type)).toEqual(["Ready", "Reconciling", "Stalled"]);
    expect(conditions.map(({ status }) => status).join(" ")).toBe(statuses);
    expect(Object.values(summaryOf(conditions)).join(" ")).toBe(summary);
  });

  test("say degraded when fewer serve than are asked for", () => {
    const ready = conditionsOf({ notes: [], pending: 0, since: "" });
    expect(degraded(1, 2, ready)).toMatchObject({ type: "Degraded", status: "True" });
    expect(summaryOf([...ready, degraded(1, 2, ready)]).status).toBe("Degraded");
    expect(summaryOf([...ready, degraded(2, 2, ready)]).status).toBe("Ready");
  });
});

/** A fleet that was onboarded, and is looked at again; `at` a minute after its documents came into force. */
function viewOf(change: (on: Scenario) => void = () => {}, notes: readonly Note[] = []): FleetView {
  const on = scenario();
  pass(on);
  change(on);
  const { revision, ...seen } = foresight(on, [], { notes });
  const documents = Object.fromEntries(
    [...revision.documents].map(([key, document]) => [key, { ...document, since: on.now }]),
  );
  const memory: FleetMemory = { ...on.fleet, documents };
  const view = viewForesight({ ...seen, revision, before: memory }, on.now + 60_000);
  return view;
}

const NOW = 1_061_000;
const table = (view: FleetView, words: readonly string[], tenant?: string): string =>
  print(select(view, parseWishes(words), tenant).found, "table", {
    isOne: false,
    manyTenants: !tenant,
    now: NOW,
  });

describe("a view", () => {
  test("of replicas believes the look, not the memory", () => {
    // This observation has containers and no links: they were taken away.
    const [first] = viewOf().replicas;
    expect(first?.status.conditions[0]).toMatchObject({
      status: "False",
      message: "on hv1 a link of it is missing",
    });
  });

  test("does not take what was not seen for gone", () => {
    const notes = [{ ...note("HypervisorUnreachable", "stuck"), object: "hypervisor/hv1" }];
    const view = viewOf((on) => on.unseen.push("hv1"), notes);
    expect(view.replicas.map(({ status }) => status.conditions[0]?.status)).toEqual(["Unknown", "Unknown"]);
    expect(table(view, ["all"], "t2")).toBe(`NAME             REPLICAS   STATUS    REASON                  AGE
hypervisor/hv1   ?/50       Unknown   HypervisorUnreachable   60s
hypervisor/hv2   0/50       Ready     AsDesired               60s

NAME        PRIMARY   SUBNETS   REPLICAS   STATUS    REASON                  AGE
tenant/t2   hv1       1         2          Unknown   HypervisorUnreachable   60s

NAME         READY   DESIRED   LOAD     STATUS     REASON                  AGE
subnet/web   0/2     2         <none>   Degraded   HypervisorUnreachable   60s

NAME            STATUS    REASON                  HYPERVISOR   ADDRESS      AGE
replica/web-1   Unknown   HypervisorUnreachable   hv1          10.13.13.2   60s
replica/web-2   Unknown   HypervisorUnreachable   hv1          10.13.13.3   60s
`);
  });

  test("of a replica on its way out says where it goes", () => {
    const view = viewOf((on) => {
      const memory = on.fleet.tenants[T2]!;
      const draining = memory.replicas.map(
        (one): ReplicaMemory => ({ ...one, phase: "draining", because: "it is told to" }),
      );
      on.fleet = { ...on.fleet, tenants: { [T2]: { ...memory, replicas: draining } } };
    });
    expect(table(view, ["replicas"])).toContain("web-1   Draining   Draining");
    expect(view.tenants[0]?.status.replicas).toBe(0);
  });

  test("of a subnet whose growth finds no place is limited, and as ready as it was", () => {
    const nowhere = note("NowhereToPlace", "info");
    const [grown] = viewOf(() => {}, [nowhere]).subnets;
    const [before] = viewOf().subnets;
    expect(grown?.status.conditions).toEqual([
      ...(before?.status.conditions ?? []),
      expect.objectContaining({ type: "ScalingLimited", status: "True", reason: "NowhereToPlace" }),
    ]);
    // A replica that the minimum asks for, and that has no place, is worse than that.
    const worse = viewOf(() => {}, [{ ...nowhere, object: "replica/t2/web-3", severity: "stuck" }]);
    expect(worse.subnets[0]?.status.conditions.map(({ type }) => type)).not.toContain("ScalingLimited");
  });

  test("waits for approval as Stalled", () => {
    const on = scenario();
    pass(on);
    const refusals = [{ id: "446b9a6", object: "subnet/t2/web", message: "cidr is to change" }];
    const view = viewForesight({ ...foresight(on, [], { refusals }), before: on.fleet }, NOW);
    expect(view.subnets[0]?.status.conditions[0]).toMatchObject({
      reason: "NeedsApproval",
      message: "cidr is to change: reconcile approve 446b9a6",
    });
  });
});

describe("get", () => {
  test.each([
    ["all", "hypervisors tenants subnets replicas"],
    ["hv", "hypervisors"],
    ["sub,ten", "subnets tenants"],
    [DEFINITIONS.Subnet.shortNames[0] ?? "", "subnets"],
    ["Replica", "replicas"],
  ])("understands %s", (word, kinds) => {
    expect(
      parseWishes([word])
        .map(({ kind }) => kind)
        .join(" "),
    ).toBe(kinds);
  });

  test("understands names in both of kubectl's ways", () => {
    const wish = [{ kind: "subnets", name: "web" }];
    expect([parseWishes(["subnet/web"]), parseWishes(["subnet", "web"])]).toEqual([wish, wish]);
    expect(parseWishes(["sub/web", "rep/web-1"]).map(({ name }) => name)).toEqual(["web", "web-1"]);
  });

  test.each([["pods"], ["subnet/"], ["subnet/a/b"], ["pod/x"]])("refuses %s", (word) => {
    expect(() => parseWishes([word])).toThrow(/names no object|no kind called/);
  });

  test("prints one object as itself, several as a list, and names what is missing", () => {
    const view = viewOf();
    const { found, missing } = select(view, parseWishes(["subnet/web", "subnet/nope"]), "t2");
    expect(missing).toEqual(["subnet/nope"]);
    const options = { manyTenants: false, now: NOW };
    expect(JSON.parse(print(found, "json", { ...options, isOne: true }))).toMatchObject({
      kind: "Subnet",
      status: { readyReplicas: 0, desiredReplicas: 2, replicas: 2 },
    });
    expect(JSON.parse(print(found, "json", { ...options, isOne: false }))).toMatchObject({ kind: "List" });
    expect(print(found, "name", { ...options, isOne: true })).toBe("subnet/web\n");
    expect(print(found, "yaml", { ...options, isOne: true })).toContain("  name: web\n");
    expect(select(view, parseWishes(["all"]), "t1").found.flatMap(({ objects }) => objects)).toHaveLength(2);
  });

  test("has no spaces in cells, and says whose an object is where that is open", () => {
    const lines = table(viewOf(), ["subnets"]).trimEnd().split("\n");
    expect(lines[0]?.split(/\s+/)).toEqual([
      "NAMESPACE",
      "NAME",
      "READY",
      "DESIRED",
      "LOAD",
      "STATUS",
      "REASON",
      "AGE",
    ]);
    expect(lines[1]?.split(/\s+/)).toHaveLength(8);
    expect(table(viewOf(), ["subnets"], "nobody")).toBe("No objects found.\n");
  });

  test("shows the load that a daemon has just gone by, and none that is old or not known", () => {
    const decision = { data: record(each(0.182, 0.182)) };
    const decisions = new Map([["t2/web", decision]]);
    const load = (age: number, known = decisions): unknown =>
      withLoads(viewOf(follow), known, decision.data.trace.at + age).subnets[0]?.status.load;
    expect(load(59_000)).toEqual({ cpu: 18.2 });
    expect([load(60_000), load(0, new Map())]).toEqual([undefined, undefined]);
    const nothing = { data: record([{ missing: "it is new" }]) };
    expect(load(0, new Map([["t2/web", nothing]]))).toBeUndefined();
    const now = withLoads(viewOf(follow), decisions, decision.data.trace.at);
    expect(table(now, ["subnets"], "t2")).toMatch(/^web +0\/2 +2 +18\.2% /m);
    expect(table(viewOf(follow), ["subnets"], "t2")).toMatch(/^web +0\/2 +2 +\? /m);
  });

  test("shows what is frozen: a pause until it is over, a cordon as kubectl does", () => {
    const standing = (change: (on: Scenario) => void, now = NOW): string => {
      const view = viewOf(change);
      const { conditions } = view.hypervisors[0]?.status ?? { conditions: [] };
      return [
        ...view.subnets.map((one) => ({ ...one, status: { ...one.status, conditions } })),
        ...view.hypervisors,
      ]
        .map((one) => Object.values(standingOf(one, now)).join(" "))
        .join("; ");
    };
    const pausing = (until?: string) => (on: Scenario) => {
      const pause = { reason: "disk swap", ...(until !== undefined && { until }) };
      on.subnets = [subnet("web", 2, { service: serving(), autoscale: { ...AUTOSCALE, pause } })];
    };
    expect(standing(pausing())).toBe("Ready Paused; Ready AsDesired; Ready AsDesired");
    const until = new Date(NOW).toISOString();
    expect(standing(pausing(until), NOW - 1)).toMatch(/^Ready Paused;/);
    expect(standing(pausing(until), NOW)).toMatch(/^Ready AsDesired;/);
    const cordon = (on: Scenario): void => {
      on.hypervisors = on.hypervisors.map((one, index) => ({
        ...one,
        spec: { ...one.spec, unschedulable: index === 1 },
      }));
    };
    expect(standing(cordon)).toBe("Ready AsDesired; Ready AsDesired; Ready,Cordoned AsDesired");
  });
});

const AUTOSCALE = {
  mode: "auto",
  scaleOnContention: false,
  thresholds: { cpu: { min: 5, max: 20 } },
  step: 1,
  sampleSeconds: 5,
  windowSeconds: 15,
  cooldownSeconds: 60,
} as const;

const follow = (on: Scenario): void => {
  on.subnets = [subnet("web", 2, { service: serving(), autoscale: AUTOSCALE })];
};

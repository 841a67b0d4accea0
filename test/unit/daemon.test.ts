import { describe, expect, test } from "@jest/globals";
import { systemClock } from "../../src/clock/clock.ts";
import { Chronicle } from "../../src/daemon/chronicle.ts";
import { Live } from "../../src/daemon/live.ts";
import { Recorder } from "../../src/daemon/record.ts";
import { snapshotOf } from "../../src/daemon/snapshot.ts";
import type { History } from "../../src/history/write.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { observation, result, revisionOf } from "./cli-values.ts";
import { each, record } from "./decision-values.ts";
import { pass, type Scenario, scenario, subnet, T2 } from "./scenario.ts";

const stuck = { reason: "NowhereToPlace", object: "replica/t2/web-3", severity: "stuck" } as const;

describe("the chronicle", () => {
  test("tells what is wrong when it begins and when it is over, and not in between", () => {
    const chronicle = new Chronicle();
    const wrong = result({ notes: [{ ...stuck, message: "hv1: no place free" }] });
    const reasons = (of: typeof wrong) => chronicle.tenant(of).map(({ type, reason }) => `${type} ${reason}`);
    expect(reasons(wrong)).toEqual(["Warning NowhereToPlace"]);
    expect(reasons(wrong)).toEqual([]);
    expect(reasons(result({}))).toEqual(["Normal NowhereToPlace"]);
  });

  test("tells of each replica that came, and of all else together", () => {
    const events = new Chronicle().tenant(result({ entries: pass(scenario()) }));
    expect(events.map(({ object, reason }) => `${object} ${reason}`)).toEqual([
      "replica/t2/web-1 ReplicaStarted",
      "replica/t2/web-2 ReplicaStarted",
      "tenant/t2 Changed",
    ]);
  });

  test("warns of a drain that cut somebody off", () => {
    const receipt = { tenant: T2, replica: "web-3", hypervisor: "hv2", reason: "deadline" };
    const drained = (connectionsCut: number) =>
      new Chronicle()
        .tenant(result({ receipts: [{ ...receipt, connectionsSeen: 2, connectionsCut } as never] }))
        .map(({ type, message }) => `${type} ${message}`);
    expect(drained(0)).toEqual(["Normal on hv2, deadline: 2 connections seen, 0 cut"]);
    expect(drained(1)).toEqual(["Warning on hv2, deadline: 2 connections seen, 1 cut"]);
  });
});

test("a history that cannot be written is told of once, until it could be again", async () => {
  let isFull = true;
  const told: unknown[] = [];
  const history = {
    append: async () => {
      if (isFull) throw new Error("no space left");
    },
  } as unknown as History;
  const recorder = new Recorder(history, systemClock, (error) => told.push(error));
  const decide = async (): Promise<void> => {
    recorder.decisions({
      records: [record(each(0.07, 0.07))],
      changed: new Set(),
      notes: [],
      loads: undefined,
      again: undefined,
    });
    await new Promise((resolve) => setImmediate(resolve));
  };
  await decide();
  await decide();
  expect(told).toHaveLength(1);
  isFull = false;
  await decide();
  isFull = true;
  await decide();
  expect(told).toHaveLength(2);
});

describe("what the daemon knows", () => {
  function live(on: Scenario): { live: Live; on: Scenario } {
    pass(on);
    const known = new Live(new MemoryLedger(on.fleet));
    const seen = new Set(
      on.hypervisors.map(({ metadata }) => metadata.name).filter((one) => !on.unseen.includes(one)),
    );
    const sighting = {
      ...result({}).sighting,
      observed: on.observed,
      seen,
      visible: { docker: seen, libvirt: seen },
    };
    const tenants = [result({ sighting })];
    known.passed({ tenants, refusals: [], observation: observation(on) }, revisionOf(on), 5_000);
    return { live: known, on };
  }
  const snapshot = ({ live: known, on }: ReturnType<typeof live>) =>
    snapshotOf({ live: known, revision: revisionOf(on), queues: [], now: 9_000 });

  test("is measured as it stands", () => {
    const { hypervisors, subnets, revision } = snapshot(live(scenario()));
    expect(hypervisors.map(({ name, up, used }) => [name, up, used])).toEqual([
      ["hv1", true, 2],
      ["hv2", true, 0],
    ]);
    expect(subnets).toMatchObject([{ name: "web", desired: 2, replicas: { ready: 2, starting: 0 } }]);
    expect(revision?.appliedAt).toBe(5_000);
  });

  test("is paused until the pause is over", () => {
    const paused = (until: string): boolean | undefined => {
      const autoscale = { mode: "auto", thresholds: { cpu: { min: 1, max: 2 } }, step: 1, sampleSeconds: 5 };
      const rest = { windowSeconds: 15, cooldownSeconds: 60, pause: { reason: "swap", until } };
      const web = subnet("web", 2, { autoscale: { ...autoscale, ...rest } as never });
      return snapshot(live(scenario({ subnets: [web] }))).subnets[0]?.paused;
    };
    expect([paused("1970-01-01T00:00:10Z"), paused("1970-01-01T00:00:08Z")]).toEqual([true, false]);
  });

  test("of a hypervisor that was not seen is not known", () => {
    const on = scenario();
    pass(on);
    on.unseen = ["hv1"];
    const { hypervisors, subnets } = snapshot(live(on));
    expect(hypervisors[0]).toMatchObject({ up: false, used: undefined, lastLookAt: undefined });
    expect(subnets[0]?.replicas).toMatchObject({ ready: 0, unknown: 2 });
  });

  test("is nothing before the first look", () => {
    const on = scenario();
    const known = new Live(new MemoryLedger(on.fleet));
    expect(snapshot({ live: known, on })).toMatchObject({ subnets: [], conditions: [] });
  });
});

import { describe, expect, test } from "@jest/globals";
import { type HypervisorName, type SubnetName, trusted } from "../../src/api/names.ts";
import { faster } from "../../src/clock/faster.ts";
import type { AutoscaleResult, TenantResult } from "../../src/controllers/controller.ts";
import { LoadCurve } from "../../src/demo/curve.ts";
import type { Line } from "../../src/demo/line.ts";
import { Story } from "../../src/demo/story.ts";
import type { DecisionRecord } from "../../src/autoscale/record.ts";
import type { DrainReceipt } from "../../src/replicas/receipt.ts";
import { emptyMemory, type FleetMemory } from "../../src/replicas/memory.ts";
import { VirtualClock } from "../simulation/clock.ts";
import { observation, result } from "./cli-values.ts";
import { each, record, time } from "./decision-values.ts";
import { FLEET, pass, scenario, T2 } from "./scenario.ts";

const HV1 = trusted<HypervisorName>("hv1");
const HV2 = trusted<HypervisorName>("hv2");
const WEB = trusted<SubnetName>("web");

/** A story, what it has told, and what it is told. */
function begin() {
  const told: Line[] = [];
  let memory: FleetMemory = emptyMemory(FLEET);
  const story = new Story({
    scene: { tenant: T2, subnet: WEB, min: 2, max: 6, service: "198.18.100.10:80", standby: HV2 },
    memory: () => memory,
    now: () => 0,
    time,
    tell: (line) => told.push(line),
  });
  return {
    story,
    /** What was told since this was last asked. */
    told: (): string[] => told.splice(0).map(({ mark, text }) => `${mark}: ${text}`),
    passed: (change: Partial<TenantResult>, unseen: readonly string[] = []): void => {
      const seen = observation(scenario({ unseen: [...unseen] }));
      story.pass({ tenants: [result(change)], refusals: [], observation: seen });
    },
    decided: (...records: readonly DecisionRecord[]): void => {
      story.decisions({
        records,
        notes: [],
        changed: new Set(),
        loads: undefined,
        again: undefined,
      } satisfies AutoscaleResult);
    },
    serves: (ordinal: number, hypervisor: HypervisorName): void => {
      const replica = { subnet: WEB, ordinal, hypervisor, phase: "serving" };
      memory = { ...memory, tenants: { [T2]: { primary: HV1, replicas: [replica] } as never } };
    },
  };
}

const receipt = (change: Partial<DrainReceipt>): DrainReceipt =>
  ({ tenant: T2, replica: "web-4", connectionsSeen: 2, connectionsCut: 0, ...change }) as DrainReceipt;

describe("growth", () => {
  test("is told when the replica serves, and not when it was decided", () => {
    const { story, told, passed, decided, serves } = begin();
    decided(record(each(0.12, 0.12, 0.12)));
    passed({ state: "waiting" });
    expect(told()).toEqual([]);
    expect(story.isSettled).toBe(false);
    serves(4, HV2);
    passed({ state: "waiting" });
    expect(told()).toEqual(["done: load 12 %; hv1: load 11.8 % ≥ its max 10 %: 3 → 4, burst to hv2"]);
    expect(story.isSettled).toBe(true);
  });

  test("that something lasting holds is told once", () => {
    const { told, decided } = begin();
    const held = record(each(0.12, 0.12, 0.12), { max: 3 });
    decided(held);
    expect(told()).toEqual([expect.stringMatching(/^warning: web stays at 3: .*replicas\.max is 3/)]);
    decided(held);
    expect(told()).toEqual([]);
  });
});

describe("a drain", () => {
  test("is told by its receipt", () => {
    const { told, passed, decided } = begin();
    decided(record(each(0.02, 0.02, 0.02, 0.02)));
    passed({ state: "waiting" });
    expect(told()).toEqual([]);
    passed({ state: "waiting", receipts: [receipt({})] });
    expect(told()).toEqual(["done: load 2 %: 4 → 3, drained, 0 of 2 connections cut, removed"]);
  });

  test("that cut somebody off is no success", () => {
    const { told, passed, decided } = begin();
    decided(record(each(0.02, 0.02, 0.02, 0.02)));
    passed({ state: "waiting", receipts: [receipt({ connectionsCut: 1 })] });
    expect(told()).toEqual([expect.stringMatching(/^warning: .* 1 of 2 connections cut/)]);
  });

  test("of another subnet is none of this one's", () => {
    const { story, passed, decided } = begin();
    decided(record(each(0.02, 0.02, 0.02, 0.02)));
    passed({ receipts: [receipt({ replica: trusted("batch-4") })] });
    expect(story.isSettled).toBe(false);
  });
});

describe("an outage", () => {
  const served = { served: 4, failed: 0, homes: [HV1] };
  const removal = pass(scenario()).map((entry) => ({ ...entry, verb: "remove" as const }));

  test("is told with what was removed meanwhile, and what clients met with", () => {
    const { story, told, passed } = begin();
    for (let passes = 0; passes < 3; passes++) passed({ state: "stuck" }, ["hv2"]);
    expect(story.isSilenceNoticed).toBe(true);
    story.silenceIsOver(served);
    expect(told()).toEqual(["warning: hv2 unplugged: nothing deleted, t2 keeps serving from hv1"]);
  });

  test.each([
    ["something is removed", removal, served, `failed: hv2 unplugged: ${removal.length} objects deleted, `],
    [
      "nobody is served",
      [],
      { served: 0, failed: 2, homes: [] },
      "failed: hv2 unplugged: nothing deleted, 2 of 2",
    ],
    [
      "some are not",
      [],
      { ...served, failed: 1 },
      "warning: hv2 unplugged: nothing deleted, 1 of 5 connections",
    ],
  ])("is not as it should be when %s", (_, entries, visits, text) => {
    const { story, told, passed } = begin();
    passed({ state: "stuck", entries }, ["hv2"]);
    story.silenceIsOver(visits);
    expect(told()).toEqual([expect.stringContaining(text)]);
  });

  test("is over when all is seen to be as wished again", () => {
    const { story, told, passed } = begin();
    passed({}, ["hv2"]);
    story.silenceIsOver(served);
    told();
    passed({ state: "waiting" });
    expect(told()).toEqual([]);
    passed({});
    // The pass in which all stands is also the first in which the tenant stands.
    expect(told().at(-1)).toBe("done: hv2 back: looked again, no change needed");
    expect(story.isBack).toBe(true);
  });
});

test("a load curve is straight between its points, and level after the last", () => {
  const curve = new LoadCurve([
    { at: 2, cpus: 1 },
    { at: 4, cpus: 3 },
  ]);
  expect([0, 2, 3, 4, 9].map((second) => curve.cpusAt(second))).toEqual([1, 1, 2, 3, 3]);
});

test("a faster clock is ahead by as much as it is faster, and waits as much less", async () => {
  const slow = new VirtualClock(1_000);
  const fast = faster(slow, 5);
  expect(fast.now()).toBe(1_000);
  const { signal } = new AbortController();
  await slow.until(fast.sleep(500, signal));
  expect([slow.now(), fast.now()]).toEqual([1_100, 1_500]);
  const called: number[] = [];
  fast.schedule(() => called.push(fast.now()), 100);
  fast.schedule(() => called.push(0), 50)();
  await slow.until(slow.sleep(100, signal));
  expect(called).toEqual([1_600]);
});

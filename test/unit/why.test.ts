import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type SubnetName, type TenantName, trusted } from "../../src/api/names.ts";
import type { DecisionRecord } from "../../src/autoscale/record.ts";
import { parseMoment } from "../../src/cli/moment.ts";
import { timeOfDay } from "../../src/cli/time-of-day.ts";
import { systemClock } from "../../src/clock/clock.ts";
import { why, type WhyOptions } from "../../src/cli/why.ts";
import { parseQuestion } from "../../src/cli/why-question.ts";
import { describeReplica, reasonsOf } from "../../src/cli/why-replica.ts";
import { newestDecision, newestDecisions } from "../../src/history/decisions.ts";
import { History } from "../../src/history/write.ts";
import { each, NOW, record } from "./decision-values.ts";
import { VALID, write } from "./manifests-tree.ts";
import { pass, scenario, serving, subnet, T2 } from "./scenario.ts";

const followed = VALID["tenants/t2/web.yaml"]?.replace(
  "  workload:",
  "  autoscale:\n    thresholds: {cpu: {min: 5, max: 10}}\n  workload:",
);
const tree = write({ ...VALID, "tenants/t2/web.yaml": followed ?? "" });

const made: string[] = [];
afterAll(() => made.forEach((directory) => rmSync(directory, { recursive: true })));

/** A state directory with decisions, each some seconds after the one before. */
async function state(decisions: readonly DecisionRecord[], seconds = 60): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-why-"));
  made.push(directory);
  const history = await History.open(directory, "a");
  for (const [index, data] of decisions.entries())
    await history.append({
      time: NOW + index * seconds * 1000,
      kind: "decision",
      type: "Normal",
      object: `subnet/${data.tenant}/${data.subnet}`,
      reason: data.trace.verdict,
      message: `${data.trace.current} to ${data.trace.desired}`,
      data,
    });
  await history.close();
  return directory;
}

/** A decision of a moment, `minutes` after the first. */
const later = (decision: DecisionRecord, minutes: number): DecisionRecord => ({
  ...decision,
  trace: { ...decision.trace, at: NOW + minutes * 60_000 },
});
const out = record(each(0.131, 0.129, 0.12, 0.116));
const into = record(each(0.01, 0.01, 0.01, 0.01, 0.01));
const idle = record(each(0.07, 0.07, 0.07, 0.07));
const at = (minutes: number): string => timeOfDay(NOW + minutes * 60_000);

let printed = "";
beforeEach(() => {
  printed = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    printed += String(chunk);
    return true;
  });
  jest.spyOn(systemClock, "now").mockReturnValue(NOW + 600_000);
});
afterEach(() => {
  jest.restoreAllMocks();
});
async function ask(word: string, stateDir: string, options: Partial<WhyOptions> = {}): Promise<string> {
  printed = "";
  expect(await why(word, { output: "text", manifests: tree, namespace: "t2", stateDir, ...options })).toBe(0);
  return printed;
}

describe("why subnet/web", () => {
  test("explains the newest decision: since when it is so, what was before it, where that is written", async () => {
    const text = await ask("subnet/web", await state([out, later(into, 1), idle, idle, idle]));
    const lines = text.split("\n");
    expect(lines[0]).toBe("web stays at 4: cpu 7 %, between 5 % and 10 %; nothing to do.");
    expect(lines).toContain(`Before this:   ${at(1)} 5→4 · ${at(0)} 4→5 hv2`);
    expect(lines).toContain(`Decided:       at ${at(4)}, 6m ago; the same 3 times since ${at(2)}`);
    expect(text).toMatch(/✓ window .* web\.yaml:\d+$/m);
    expect(lines.every((line) => line.length <= 80)).toBe(true);
  });

  test("tells any moment that is written down, and gives programs the record", async () => {
    const directory = await state([out, later(into, 1), idle]);
    const moment = new Date(NOW + 30_000).toISOString();
    expect(await ask("subnet/web", directory, { at: moment })).toMatch(/^web went from 4 to 5 replicas at /);
    expect(printed).not.toContain("Before this");
    const json = await ask("subnet/web", directory, { at: moment, output: "json" });
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(out)));
    const before = new Date(NOW - 1000).toISOString();
    await expect(ask("subnet/web", directory, { at: before })).rejects.toMatchObject({
      code: "EK-NOT-FOUND",
      message: "no decision on t2/web is written down from then or before",
    });
  });

  test("lists the last changes, the newest last, without what changed nothing", async () => {
    const directory = await state([out, later(into, 1), idle, later(out, 3)]);
    expect(await ask("subnet/web", directory, { last: 2 })).toBe(
      `web went from 5 to 4 replicas at ${at(1)}: cpu 1 % < 5 %.\n` +
        `web went from 4 to 5 replicas at ${at(3)}: cpu 12.4 % > 10 %. On hv2.\n`,
    );
    expect(JSON.parse(await ask("subnet/web", directory, { last: 9, output: "json" }))).toHaveLength(3);
    expect(await ask("subnet/web", await state([idle]), { last: 9 })).toBe(
      "No change of its count is written down.\n",
    );
  });

  test("says what to do where nothing is decided", async () => {
    const nothing = await state([]);
    const expected = (message: string, fix: RegExp) => ({
      code: "EK-NOT-FOUND",
      message,
      fix: expect.stringMatching(fix),
    });
    await expect(ask("subnet/web", nothing)).rejects.toMatchObject(
      expected("no decision on t2/web is written down yet", /start the daemon/),
    );
    await expect(ask("subnet/web", nothing, { namespace: "t1" })).rejects.toMatchObject(
      expected(
        "t1/web does not follow its load, so nothing is decided on it",
        /replicas\.min, 2; spec\.autoscale/,
      ),
    );
    await expect(ask("subnet/nope", nothing)).rejects.toMatchObject(
      expected("fleet campus has no subnet t2/nope", /get subnets -f /),
    );
  });
});

describe("decisions that were written down", () => {
  test("are found by subnet, the newest of each; what is no decision is passed over", async () => {
    const db = { ...idle, subnet: trusted<SubnetName>("db") };
    const sound = await state([out, db, idle]);
    const history = await History.open(sound, "b");
    const torn = {
      kind: "decision",
      type: "Normal",
      object: "subnet/t2/db",
      reason: "x",
      message: "x",
    } as const;
    await history.append({
      ...torn,
      time: NOW + 999_000,
      data: { tenant: "t2", subnet: "db", trace: { at: 1 } },
    });
    await history.close();
    const newest = await newestDecisions(sound, {});
    expect([...newest].map(([key, { data }]) => `${key} ${data.trace.desired}`)).toEqual([
      "t2/web 4",
      "t2/db 4",
    ]);
    expect((await newestDecision(sound, { tenant: T2, subnet: db.subnet }))?.time).toBe(NOW + 60_000);
    expect(await newestDecision(sound, { tenant: trusted<TenantName>("t1") })).toBeUndefined();
  });
});

describe("why replica/web-3", () => {
  const on = scenario({ subnets: [subnet("web", 3, { service: serving() })] });
  pass(on);
  const siblings = on.fleet.tenants[T2]?.replicas ?? [];
  const [first, , last] = siblings;
  if (!first || !last) throw new Error("there are three replicas");
  const third = { ...last, since: NOW + 9000 };
  const granted = record(
    each(0.2, 0.2),
    {},
    { room: [{ hypervisor: third.hypervisor, reasons: [], because: "its load is 2 %" }] },
  );
  const known = { name: "web-3", siblings, granted, min: 2 };
  const now = third.since + 60_000;

  test("that the load asked for: which decision, why there, and since when it is as it is", () => {
    const reasons = reasonsOf(third, known);
    expect(reasons).toMatchObject({ isPermanent: false, placement: { because: "its load is 2 %" } });
    expect(
      describeReplica(reasons, now),
    ).toBe(`web-3 is scaled: replicas.min is 2, and the load asked for more.
  phase        serving on hv1 since ${timeOfDay(third.since)}, 60s ago
  where        ✓ hv1 its load is 2 %
Asked for:     web went from 2 to 3 replicas at ${at(0)}: cpu 20 % > 10 %.
`);
  });

  test("that is permanent, needs no decision", () => {
    const text = describeReplica(reasonsOf(first, { ...known, name: "web-1", granted: undefined }), now);
    expect(text).toMatch(/^web-1 is permanent: replicas\.min is 2, and it is one of the lowest\.\n/);
    expect(text).toContain("Asked for:     its place came with the subnet, and not by a decision\n");
  });

  test("that goes says why, and one that was moved since is not said to be where it was put", () => {
    const going = { ...third, phase: "draining", because: "replicas wanted: 2" } as const;
    const text = describeReplica(reasonsOf({ ...going, hypervisor: "hv9" as never }, known), now);
    expect(text).toMatch(/^web-3 goes: replicas wanted: 2\.\n/);
    expect(text).toContain("  where        hv9, where it came after that decision\n");
  });

  test("that nobody remembers is not found", async () => {
    await expect(ask("replica/web-9", await state([]))).rejects.toMatchObject({ code: "EK-NOT-FOUND" });
  });
});

describe("why plan/ID", () => {
  test("tells what waits for approval, and says so where nothing is written down", async () => {
    const directory = await state([]);
    const history = await History.open(directory, "b");
    const event = { kind: "event", type: "Warning", object: "fleet", reason: "NeedsApproval" } as const;
    await history.append({
      ...event,
      time: NOW,
      message: "files are gone of t1; t2: reconcile approve 9be0d77",
    });
    await history.close();
    expect(await ask("plan/9be0d77", directory)).toContain("NeedsApproval fleet files are gone of t1; t2");
    await expect(ask("plan/7f3a91c", directory)).rejects.toMatchObject({
      code: "EK-PLAN-UNKNOWN",
      message: "nothing is written down of plan 7f3a91c",
    });
  });
});

describe("what why is asked", () => {
  test("is read as a subnet, a replica or a plan", () => {
    expect(parseQuestion("sub/web", "t2")).toEqual({ kind: "subnet", tenant: "t2", subnet: "web" });
    expect(parseQuestion("rep/web-tier-12", "t2")).toEqual({
      kind: "replica",
      tenant: "t2",
      subnet: "web-tier",
      ordinal: 12,
      name: "web-tier-12",
    });
    expect(parseQuestion("plan/7f3a91c", undefined)).toEqual({ kind: "plan", id: "7f3a91c" });
  });

  test.each([
    ["web", "t2"],
    ["tenant/t2", "t2"],
    ["subnet/web", undefined],
    ["subnet/../x", "t2"],
    ["subnet/web", "T2"],
    ["replica/web", "t2"],
    ["replica/web-0", "t2"],
    ["plan/zz", undefined],
  ])("and refuses %s of %s", (word, namespace) => {
    expect(() => parseQuestion(word, namespace)).toThrow(expect.objectContaining({ code: "EK-USAGE" }));
  });

  test("of a moment, is one that is over", () => {
    const now = new Date(2026, 10, 24, 14, 3, 20).getTime();
    const local = (day: number, ...time: [number, number, number]): number =>
      new Date(2026, 10, day, ...time).getTime();
    expect(parseMoment("13:41:07", now)).toBe(local(24, 13, 41, 7) + 999);
    expect(parseMoment("13:41", now)).toBe(local(24, 13, 41, 0) + 999);
    expect(parseMoment("23:50", now)).toBe(local(23, 23, 50, 0) + 999);
    expect(parseMoment("2026-11-24T13:41:00Z", now)).toBe(Date.UTC(2026, 10, 24, 13, 41));
    for (const text of ["25:00", "13:41:60", "yesterday", "2026-11-24", "2026-99-24T13:41:00Z"])
      expect(() => parseMoment(text, now)).toThrow(expect.objectContaining({ code: "EK-USAGE" }));
  });
});

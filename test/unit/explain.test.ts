import { describe, expect, test } from "@jest/globals";
import { explain } from "../../src/autoscale/explain.ts";
import type { DecisionRecord } from "../../src/autoscale/record.ts";
import { sentence } from "../../src/autoscale/sentence.ts";
import { each, NOW, record, time } from "./decision-values.ts";

describe("why", () => {
  test("a scale-out", () => {
    expect(explain(record(each(0.131, 0.129, 0.12, 0.116)), time)).toEqual([
      "web went from 4 to 5 replicas at 14:03:20: cpu 12.4 % > 10 %.",
      "  load         12.4 % = mean of 4/4 ready replicas",
      "               hv1: 13.1 12.9 12    hv2: 11.6",
      "  ✓ window     cpu 12.4 % > 10 % in 3 of 3 samples",
      "  ✓ bounds     2 ≤ 5 ≤ 6",
      "  ✓ placement  granted 1 of 1",
      "  where        ✗ hv1 load 11.8 % ≥ its max 10 %",
      "               ✓ hv2 load 2.1 % < 5 %, 38 places free, 0.02 a replica-hour",
      "Otherwise:     at cpu ≤ 10 % it would have stayed at 4",
      "Next out:      5 → 6 at cpu > 10 %, once what was added last is ready, with room",
      "               for it",
      "Next in:       5 → 4 at cpu < 5 %, not before 14:04:20; web-5 goes first",
    ]);
  });

  test("with where it is written and what was before it, where that is known", () => {
    const places = { window: "web.yaml:15", bounds: "web.yaml:11" };
    const out = record(each(0.131, 0.129, 0.12, 0.116));
    const into = record(each(0.01, 0.01, 0.01), { min: 1 });
    const lines = explain(out, time, { places, before: [into, out] });
    const atMargin = (text: string, place: string): string => text.padEnd(80 - place.length) + place;
    expect(lines).toContain(atMargin("  ✓ window     cpu 12.4 % > 10 % in 3 of 3 samples", "web.yaml:15"));
    expect(lines).toContain(atMargin("  ✓ bounds     2 ≤ 5 ≤ 6", "web.yaml:11"));
    expect(lines.at(-1)).toBe("Before this:   14:03:20 3→2 · 14:03:20 4→5 hv2");
    const narrow = explain(out, time, {
      places: { bounds: "a-very-long-name-of-a-file-a-very-long-name-of-a-file.yaml" },
    });
    expect(narrow.every((line) => line.length <= 80)).toBe(true);
  });

  test("a count that stays because samples are missing", () => {
    const lines = explain(record([{ missing: "its counter began anew" }, { missing: "it is new" }]), time);
    expect(lines.slice(0, 5)).toEqual([
      "web stays at 2: cpu has no sample, 0 of 3 samples known; no decision without a",
      "full window.",
      "  load         none = mean of 0/2 ready replicas",
      "               hv1: ? ?",
      "               web-1 has no sample: its counter began anew",
    ]);
  });

  test("never takes more than 80 columns", () => {
    const reasons = ["hv1", "hv2", "hv3"].map((name) => `${name}: load 81.3 % ≥ its max 80 %`);
    const full = record(
      each(0.3, 0.3, 0.3, 0.3),
      { step: 2 },
      {
        room: [{ hypervisor: undefined, reasons, because: "" }],
      },
    );
    for (const line of explain(full, time)) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe("in one sentence", () => {
  test.each<[string, DecisionRecord, string]>([
    ["idle", record(each(0.07, 0.07)), "web stays at 2: cpu 7 %, between 5 % and 10 %; nothing to do."],
    [
      "at its maximum",
      record(each(0.31, 0.31, 0.31), { max: 3 }),
      "web stays at 3: cpu 31 % > 10 %, but replicas.max is 3; it would go to 4 with replicas.max 4.",
    ],
    [
      "at its minimum",
      record(each(0.01, 0.01, 0.01), { min: 3 }),
      "web stays at 3: cpu 1 % < 5 %, but replicas.min is 3; it would go to 2 with replicas.min 2.",
    ],
    [
      "paused",
      record(each(0.31, 0.31), { pause: { reason: "disk swap", until: NOW + 60_000 } }),
      "web stays at 2: cpu 31 % > 10 %, but paused: disk swap, until 14:04:20; then it would go to 3.",
    ],
    [
      "paused and idle",
      record(each(0.07, 0.07), { pause: { reason: "disk swap", until: undefined } }),
      "web stays at 2: cpu 7 %, between 5 % and 10 %; paused: disk swap.",
    ],
    [
      "recommending",
      record(each(0.2, 0.2), { mode: "recommend" }),
      "web stays at 2: cpu 20 % > 10 %, but mode is recommend; it would go to 3 with mode auto.",
    ],
    [
      "out of bounds",
      record(each(0.07, 0.07, 0.07), { max: 2 }),
      "web went from 3 to 2 replicas at 14:03:20: replicas.max is 2.",
    ],
  ])("%s", (_what, of, text) => {
    expect(sentence(of, time)).toBe(text);
  });
});

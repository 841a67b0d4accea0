import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { trusted } from "../../src/api/names.ts";
import { suppose } from "../../src/autoscale/counterfactual.ts";
import { decide } from "../../src/autoscale/decide.ts";
import type {
  Condition,
  Counterfactual,
  Decision,
  DecisionMemory,
  Loads,
  LoadSample,
  Question,
  ScalingObservation,
} from "../../src/autoscale/decision.ts";
import type { Placement } from "../../src/autoscale/place.ts";
import { type Policy, policyOf } from "../../src/autoscale/policy.ts";
import { POLICY } from "./decision-values.ts";
import { subnet, tenant } from "./scenario.ts";

const NOW = 1_000_000;
const LONG_AGO = NOW - 900_000;

/** A wide band, so that loads lie well within it. */
const WIDE: Policy = { ...POLICY, thresholds: { cpu: { min: 0.25, max: 0.6 } } };
const somewhere: Placement = {
  hypervisor: trusted("hv2"),
  reasons: ["hv1: load 81 % ≥ its max 80 %"],
  because: "x",
};
const nowhere: Placement = { hypervisor: undefined, reasons: ["hv1: no place free"], because: "" };

const sample = (ratio: number | undefined, complete = ratio !== undefined): LoadSample => ({
  ratio,
  complete,
});
const cpu = (ratio: number | undefined, complete?: boolean): Loads => ({ cpu: sample(ratio, complete) });

const observation = (current: number, change: Partial<ScalingObservation> = {}): ScalingObservation => ({
  current,
  loads: {},
  serving: new Map(Array.from({ length: current }, (_, index) => [index + 1, LONG_AGO])),
  others: 0,
  room: [somewhere, somewhere, somewhere, somewhere],
  ...change,
});

/** A decision over the last three samples, the newest last. */
function decided(
  loads: readonly Loads[],
  {
    current = 3,
    policy = {},
    last,
    ...change
  }: Partial<ScalingObservation> & { policy?: Partial<Policy>; last?: DecisionMemory["last"] } = {},
): Decision {
  return decide(
    { ...WIDE, ...policy },
    observation(current, { ...change, loads: loads.at(-1) ?? {} }),
    { window: loads.slice(0, -1), last },
    NOW,
  );
}
const high = [cpu(0.7), cpu(0.8), cpu(0.61)];
const low = [cpu(0.1), cpu(0.1), cpu(0.2)];
const reasonOf = ({ trace }: Decision, stage: string): string | undefined =>
  trace.stages.find(({ name }) => name === stage)?.reason;

describe("a window", () => {
  test.each<[string, Loads[], number]>([
    ["all above", high, 4],
    ["all below", low, 2],
    ["one at the maximum itself", [cpu(0.7), cpu(0.6), cpu(0.8)], 3],
    ["one at the minimum itself", [cpu(0.1), cpu(0.25), cpu(0.1)], 3],
    ["in the band", [cpu(0.3), cpu(0.4), cpu(0.5)], 3],
    ["not full", [cpu(0.7), cpu(0.8)], 3],
    ["with a sample missing", [cpu(0.7), cpu(undefined), cpu(0.8)], 3],
    ["with NaN", [cpu(0.1), cpu(Number.NaN, true), cpu(0.1)], 3],
    ["with nothing for the metric", [cpu(0.1), {}, cpu(0.1)], 3],
    ["low, but one ready replica unknown", [cpu(0.1), cpu(0.1, false), cpu(0.1)], 3],
    ["high, though one ready replica is unknown", [cpu(0.7), cpu(0.7, false), cpu(0.7)], 4],
  ])("%s", (_what, loads, desired) => {
    expect(decided(loads).desired).toBe(desired);
  });

  test("looks at the newest samples alone, and begins anew with each change", () => {
    const { desired, memory } = decided([cpu(0.1), ...high]);
    expect(desired).toBe(4);
    expect(memory).toEqual({ window: [], last: { at: NOW, from: 3, to: 4 } });
    const idle = decided([cpu(0.1), cpu(0.3), cpu(0.4), cpu(0.5)]);
    expect(idle.memory).toEqual({ window: [cpu(0.3), cpu(0.4), cpu(0.5)], last: undefined });
  });

  test("of several metrics: out if any says so, in only if all do", () => {
    const policy = { thresholds: { cpu: { min: 0.25, max: 0.6 }, flows: { min: 10, max: 100 } } };
    const both = (load: number, flows: number): Loads[] =>
      Array.from({ length: 3 }, () => ({ ...cpu(load), flows: sample(flows) }));
    expect(decided(both(0.1, 200), { policy }).desired).toBe(4);
    expect(decided(both(0.1, 50), { policy }).desired).toBe(3);
    expect(decided(both(0.1, 5), { policy }).desired).toBe(2);
    expect(decided(low, { policy }).desired).toBe(3);
  });
});

describe("a scale-out", () => {
  const last = { at: NOW - 30_000, from: 2, to: 3 };
  const since = (at: number): ScalingObservation["serving"] => new Map([...observation(2).serving, [3, at]]);

  test("waits until what was added last is ready, and for one window more", () => {
    const early = decided(high, { last, serving: observation(2).serving });
    expect([early.desired, reasonOf(early, "readiness")]).toEqual([
      3,
      "number 3, which was added last, is not ready",
    ]);
    expect(decided(high, { last, serving: since(NOW - 14_999) }).desired).toBe(3);
    expect(decided(high, { last, serving: since(NOW - 15_000) }).desired).toBe(4);
  });

  test("does not wait for a replica that fails and was not the last", () => {
    const serving = new Map([[3, LONG_AGO]]);
    expect(decided(high, { last, serving }).desired).toBe(4);
  });

  test("takes a step, as far as bounds, quota and room allow", () => {
    expect(decided(high, { policy: { step: 2 } }).desired).toBe(5);
    expect(
      decided(high, { policy: { step: 9 }, room: Array.from({ length: 9 }, () => somewhere) }).desired,
    ).toBe(6);
    expect(decided(high, { policy: { step: 2, quota: 10 }, others: 6 }).desired).toBe(4);
    expect(decided(high, { policy: { step: 2 }, room: [somewhere, nowhere] }).desired).toBe(4);
    const full = decided(high, { room: [nowhere] });
    expect([full.desired, reasonOf(full, "placement")]).toEqual([
      3,
      "nowhere to place it: hv1: no place free",
    ]);
  });

  test("is not held by cooldown", () => {
    expect(decided(high, { last: { at: NOW - 1, from: 4, to: 3 } }).desired).toBe(4);
  });
});

describe("a scale-in", () => {
  test("waits for cooldown after any change", () => {
    for (const from of [2, 4]) {
      expect(decided(low, { last: { at: NOW - 59_999, from, to: 3 } }).desired).toBe(3);
      expect(decided(low, { last: { at: NOW - 60_000, from, to: 3 } }).desired).toBe(2);
    }
  });

  test("that load would undo at once is not made, and that is said", () => {
    const policy = { min: 1, thresholds: { cpu: { min: 0.5, max: 0.6 } } };
    const held = decided([cpu(0.45), cpu(0.45), cpu(0.45)], { policy });
    expect([held.desired, reasonOf(held, "projection")]).toEqual([
      3,
      "2 would have cpu 67.5 % > 60 % at once",
    ]);
    expect(held.trace.otherwise).toEqual({
      if: [{ what: "load", metric: "cpu", is: "≤", ratio: expect.closeTo(0.4, 12) }],
      to: 2,
    });
    expect(decided([cpu(0.39), cpu(0.39), cpu(0.39)], { policy }).desired).toBe(2);
  });

  test("waits from now on when the clock was set back", () => {
    const { desired, memory } = decided(low, { last: { at: NOW + 1e9, from: 4, to: 3 } });
    expect([desired, memory.last?.at]).toEqual([3, NOW]);
  });
});

describe("modes:", () => {
  test.each<[Policy["mode"], number, number]>([
    ["auto", 4, 2],
    ["outOnly", 4, 3],
    ["inOnly", 3, 2],
    ["recommend", 3, 3],
    ["off", 3, 3],
  ])("%s", (mode, out, inwards) => {
    expect(decided(high, { policy: { mode } }).desired).toBe(out);
    expect(decided(low, { policy: { mode } }).desired).toBe(inwards);
  });

  test("recommend says what it would do", () => {
    const { trace } = decided(high, { policy: { mode: "recommend" } });
    expect(trace.otherwise).toEqual({ if: [{ what: "mode" }], to: 4 });
  });

  test("a pause freezes the count, says so, and ends by itself", () => {
    const pause = { reason: "disk swap", until: NOW + 1 };
    const paused = decided(high, { policy: { pause } });
    expect([paused.desired, reasonOf(paused, "pause")]).toEqual([3, "paused: disk swap"]);
    expect(reasonOf(decided([cpu(0.4)], { policy: { pause } }), "pause")).toBe("paused: disk swap");
    expect(decided(high, { policy: { pause: { ...pause, until: NOW } } }).desired).toBe(4);
    expect(decided(high, { policy: { pause: { reason: "x", until: undefined } } }).trace.otherwise).toEqual({
      if: [{ what: "pause" }],
      to: 4,
    });
  });

  test("bounds hold whatever mode, pause and cooldown say", () => {
    const last = { at: NOW, from: 3, to: 8 };
    const policy: Partial<Policy> = {
      mode: "off",
      scaleOnContention: false,
      pause: { reason: "x", until: undefined },
    };
    expect(decided([], { current: 8, policy, last }).desired).toBe(6);
    expect(decided([], { current: 1, policy, last, room: [nowhere] }).desired).toBe(2);
  });
});

test("percent in manifests is a ratio in a policy", () => {
  const { spec } = subnet("web", 2, {
    autoscale: {
      mode: "auto",
      scaleOnContention: false,
      thresholds: { cpu: { min: 25, max: 60 } },
      step: 1,
      sampleSeconds: 4,
      windowSeconds: 15,
      cooldownSeconds: 60,
      pause: { reason: "x", until: "1970-01-01T00:00:01Z" },
    },
  });
  expect(policyOf(spec, tenant().spec)).toEqual({
    ...WIDE,
    max: 2,
    samples: 4,
    pause: { reason: "x", until: 1000 },
  });
});

/* Whatever comes: the answers are inside the bounds, and what is said of "otherwise" is true. */

const ratio = fc.oneof(
  fc.integer({ min: 0, max: 120 }).map((percent) => percent / 100),
  fc.double({ min: 0, max: 1.2, noNaN: true }),
);
const loads: fc.Arbitrary<Loads> = fc.record({
  cpu: fc.oneof(
    { weight: 6, arbitrary: ratio.map((one) => sample(one)) },
    { weight: 1, arbitrary: ratio.map((one) => sample(one, false)) },
    { weight: 1, arbitrary: fc.constantFrom(sample(undefined), sample(Number.NaN, true)) },
  ),
});
const policy: fc.Arbitrary<Policy> = fc
  .record({
    mode: fc.constantFrom<Policy["mode"]>("auto", "auto", "auto", "outOnly", "inOnly", "recommend", "off"),
    low: fc.integer({ min: 1, max: 70 }),
    band: fc.integer({ min: 1, max: 40 }),
    step: fc.integer({ min: 1, max: 3 }),
    samples: fc.integer({ min: 1, max: 4 }),
    cooldown: fc.constantFrom(0, 10_000, 60_000),
    scaleOnContention: fc.boolean(),
    pause: fc.constantFrom(
      undefined,
      undefined,
      { reason: "x", until: undefined },
      { reason: "x", until: NOW + 5000 },
    ),
    min: fc.integer({ min: 1, max: 4 }),
    span: fc.integer({ min: 0, max: 5 }),
    quota: fc.integer({ min: 4, max: 20 }),
  })
  .map(({ low: from, band, samples, span, ...rest }) => ({
    ...rest,
    samples,
    thresholds: { cpu: { min: from / 100, max: (from + band) / 100 } },
    window: samples * 5000,
    max: rest.min + span,
  }));
const question: fc.Arbitrary<Question> = fc
  .record({
    policy,
    current: fc.integer({ min: 1, max: 9 }),
    loads,
    window: fc.oneof(
      fc.array(loads, { maxLength: 5 }),
      loads.map((one) => Array.from({ length: 5 }, () => one)),
    ),
    last: fc.option(
      fc.record({
        at: fc.integer({ min: NOW - 90_000, max: NOW }),
        from: fc.integer({ min: 1, max: 9 }),
        to: fc.integer({ min: 1, max: 9 }),
      }),
      { nil: undefined },
    ),
    late: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
    others: fc.integer({ min: 0, max: 10 }),
    room: fc.array(fc.constant(somewhere), { maxLength: 6 }),
  })
  .map(({ current, late, window, last, others, room, ...rest }) => ({
    policy: rest.policy,
    observation: {
      current,
      loads: rest.loads,
      serving: new Map(
        Array.from({ length: current }, (_, index) => index + 1).flatMap((ordinal): [number, number][] => {
          if (late[0] === ordinal) return [];
          return [[ordinal, late.includes(ordinal) ? NOW - 3000 : LONG_AGO]];
        }),
      ),
      others,
      room: [...room, nowhere],
    },
    memory: { window, last },
    now: NOW,
  }));

const answer = ({ policy: of, observation: seen, memory, now }: Question): Decision =>
  decide(of, seen, memory, now);
const direction = (to: number, from: number): number => Math.sign(to - from);

/** The same condition, just not fulfilled; undefined for one that is not a number. */
function short(condition: Condition): Condition | undefined {
  const unit = 1e-6;
  switch (condition.what) {
    case "load": {
      const { is } = condition;
      if (is === ">") return { ...condition, is: "≤" };
      if (is === "<") return { ...condition, is: "≥" };
      return { ...condition, ratio: condition.ratio * (is === "≤" ? 1 + unit : 1 - unit) };
    }
    case "time":
      return { ...condition, at: condition.at - 1 };
    case "quota":
    case "max":
      return { ...condition, value: condition.value - 1 };
    case "min":
      return { ...condition, value: condition.value + 1 };
    case "ready":
    case "mode":
    case "pause":
    case "contention":
    case "room":
      return undefined;
  }
}

function holds(of: Question, { if: conditions, to }: Counterfactual, way: number): void {
  const { current } = of.observation;
  expect(answer(suppose(of, conditions)).desired).toBe(to);
  expect(direction(to, current)).toBe(way);
  for (const condition of conditions) {
    const less = short(condition);
    const others = conditions.filter((one) => one !== condition);
    if (less) expect(direction(answer(suppose(of, [...others, less])).desired, current)).not.toBe(way);
    else expect(direction(answer(suppose(of, others)).desired, current)).not.toBe(way);
  }
}

describe("always:", () => {
  test("the desired count is inside the bounds", () => {
    fc.assert(
      fc.property(question, (of) => {
        const { desired } = answer(of);
        expect(desired).toBeGreaterThanOrEqual(of.policy.min);
        expect(desired).toBeLessThanOrEqual(of.policy.max);
      }),
      { numRuns: 3000 },
    );
  });

  test("a sample that is missing takes nobody away", () => {
    fc.assert(
      fc.property(question, fc.nat(4), (of, place) => {
        const gap = Math.min(place, of.policy.samples - 1);
        const all = [...of.memory.window, of.observation.loads].slice(-of.policy.samples);
        all.splice(Math.max(all.length - 1 - gap, 0), 1, cpu(undefined));
        const { desired } = answer({
          ...of,
          observation: { ...of.observation, loads: all.at(-1) ?? {} },
          memory: { ...of.memory, window: all.slice(0, -1) },
        });
        expect(desired).toBeGreaterThanOrEqual(Math.min(of.observation.current, of.policy.max));
      }),
      { numRuns: 3000 },
    );
  });

  test("a scale-out is within quota and room, unless the minimum asks for it", () => {
    fc.assert(
      fc.property(question, (of) => {
        const { observation: seen, policy: by } = of;
        const { desired } = answer(of);
        const granted = seen.room.findIndex(({ hypervisor }) => hypervisor === undefined);
        if (desired > seen.current && desired > by.min) {
          expect(desired + seen.others).toBeLessThanOrEqual(by.quota);
          expect(desired - seen.current).toBeLessThanOrEqual(granted);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("what is said to lead out or in does, and one unit less does not", () => {
    const told = { out: 0, in: 0 };
    fc.assert(
      fc.property(question, (of) => {
        const { desired, trace } = answer(of);
        if (desired !== of.observation.current) return;
        if (trace.nextOut) holds(of, trace.nextOut, 1);
        if (trace.nextIn) holds(of, trace.nextIn, -1);
        if (trace.nextOut) told.out++;
        if (trace.nextIn) told.in++;
        if (of.observation.current < 9 && of.policy.samples > 0) expect(trace.nextOut).toBeDefined();
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(told.out, told.in)).toBeGreaterThan(100);
  });

  test("what is said to have kept the count would have, and one unit less would not", () => {
    let told = 0;
    fc.assert(
      fc.property(question, (of) => {
        const { desired, trace } = answer(of);
        const { current } = of.observation;
        if (desired === current || !trace.otherwise) return;
        if (current < of.policy.min || current > of.policy.max) return; // the bounds would have moved it anyway
        told++;
        expect(answer(suppose(of, trace.otherwise.if)).desired).toBe(current);
        const [only] = trace.otherwise.if;
        const less = only && short(only.what === "load" && only.is === ">" ? only : only);
        if (less) expect(answer(suppose(of, [less])).desired).toBe(desired);
      }),
      { numRuns: 3000 },
    );
    expect(told).toBeGreaterThan(30);
  });
});

describe("steal", () => {
  const STEAL = { thresholds: { steal: { min: 0.05, max: 0.3 } } };
  const shared = (steal: number, use: number): Loads => ({
    steal: { ratio: steal, complete: true, beside: [{ hypervisor: trusted("hv1"), steal, use }] },
  });
  const three = (one: Loads) => [one, one, one];
  const stages = ({ trace }: Decision) =>
    trace.stages.filter(({ name }) => name === "contention").map(({ reason }) => reason);

  test("with the own use high is demand, and more replicas come", () => {
    const decision = decided(three(shared(0.5, 0.45)), { policy: STEAL });
    expect(decision.desired).toBe(4);
    expect(stages(decision)).toEqual(["demand on hv1 (steal 50 %, own use 45 %)"]);
  });

  test("with the own use low is a neighbour's doing, and nobody is added for that", () => {
    const decision = decided(three(shared(0.31, 0.12)), { policy: STEAL });
    expect(decision.desired).toBe(3);
    expect(stages(decision)).toEqual(["contention on hv1 (steal 31 %, own use 12 %), a neighbour's doing"]);
    expect(decision.trace.otherwise).toEqual({ if: [{ what: "contention" }], to: 4 });
  });

  test("is reason enough where the tenant says so", () => {
    const decision = decided(three(shared(0.31, 0.12)), { policy: { ...STEAL, scaleOnContention: true } });
    expect(decision.desired).toBe(4);
    expect(stages(decision)).toEqual([
      "contention on hv1 (steal 31 %, own use 12 %), and scaleOnContention is set",
    ]);
  });

  test.each([
    [0.5, 0.3, 4],
    [0.5, 0.299, 3],
  ])("of %d beside an own use of %d leads to %d: 80 %% is the border", (steal, use, desired) => {
    expect(decided(three(shared(steal, use)), { policy: STEAL }).desired).toBe(desired);
  });

  test("does not hold what another metric asks for", () => {
    const two = { thresholds: { ...WIDE.thresholds, ...STEAL.thresholds } };
    const both = { ...shared(0.31, 0.12), ...cpu(0.9) };
    expect(decided(three(both), { policy: two }).desired).toBe(4);
  });

  test("below its minimum takes one away, for nobody waits", () => {
    expect(decided(three(shared(0.01, 0.9)), { policy: STEAL }).desired).toBe(2);
  });
});

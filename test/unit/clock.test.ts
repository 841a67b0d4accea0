import { describe, expect, test } from "@jest/globals";
import { steady } from "../../src/clock/steady.ts";

/** A machine whose clock can be set, and whose time passes. */
const machine = () => {
  let [passed, ahead] = [0, 0];
  return {
    pass: (milliseconds: number) => void (passed += milliseconds),
    set: (milliseconds: number) => void (ahead += milliseconds),
    clock: steady(
      () => 1_000_000 + passed + ahead,
      () => passed,
    ),
  };
};

describe("a steady clock", () => {
  test("tells the wall clock's time", () => {
    const { pass, clock } = machine();
    expect(clock()).toBe(1_000_000);
    pass(500);
    expect(clock()).toBe(1_000_500);
  });

  test.each([
    { by: 3_600_000, after12Seconds: 13_000 },
    { by: -3_600_000, after12Seconds: 11_000 },
  ])("goes a twelfth faster or slower when it was set by $by ms", ({ by, after12Seconds }) => {
    const { pass, set, clock } = machine();
    set(by);
    expect(clock()).toBe(1_000_000);
    for (let second = 0; second < 12; second++) {
      pass(1000);
      clock();
    }
    expect(clock()).toBe(1_000_000 + after12Seconds);
  });

  test("has come to the wall clock's time after twelve times the difference, and stays there", () => {
    const { pass, set, clock } = machine();
    set(-5000);
    for (const elapsed of [30_000, 30_000, 1]) {
      pass(elapsed);
      clock();
    }
    expect(clock()).toBe(1_000_000 + 60_001 - 5000);
  });
});

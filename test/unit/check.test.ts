import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { flapping } from "../../src/autoscale/check.ts";

test("thresholds flap when a load above the maximum is below the minimum after one step", () => {
  expect(flapping({ min: 45, max: 60 }, 1, { min: 2, max: 6 })).toEqual({ few: 2, many: 3, left: 40 });
  expect(flapping({ min: 40, max: 60 }, 1, { min: 2, max: 6 })).toBeUndefined();
  expect(flapping({ min: 45, max: 60 }, 1, { min: 2, max: 2 })).toBeUndefined();
  expect(flapping({ min: 45, max: 60 }, 1, { min: 0, max: 2 })).toMatchObject({ few: 1, many: 2 });
});

test("a pair is said to flap exactly when some load makes it, found by trying them", () => {
  const natural = (max: number) => fc.integer({ min: 1, max });
  fc.assert(
    fc.property(
      natural(90),
      natural(40),
      natural(3),
      natural(4),
      natural(6),
      (min, span, step, least, more) => {
        const band = { min, max: min + span };
        const count = { min: least, max: least + more };
        const tries = Array.from({ length: more }, (_, index) => least + index)
          .filter((few) => few + step <= count.max)
          .map((few) => ({ few, load: band.max * few * (1 + 1e-9) }));
        const undone = tries.filter(({ few, load }) => load / (few + step) < band.min);
        expect(flapping(band, step, count) !== undefined).toBe(undone.length > 0);
      },
    ),
    { numRuns: 5000 },
  );
});

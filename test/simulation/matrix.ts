import { expect, test } from "@jest/globals";
import { commandOf, nameOf, Rehearsal } from "./plans.ts";
import { SCENARIOS } from "./scenarios.ts";

/**
 * Each fault in the way of each step of each scenario; of all these plans every EVERY-th is played, from the SEED-th on, or
 * with `FAULT=reboot` of those of that fault. All of them, and pairs of faults: `make soak`.
 */
const { EVERY = "2", SEED = "0", FAULT = "" } = process.env;

/** Tests of every other scenario, from the first or the second on: two files, for two cores. */
export function matrix(from: 0 | 1): void {
  const names = SCENARIOS.map(({ name }) => name).filter((_, index) => index % 2 === from);
  test.each(names)(
    "%s, whatever goes wrong on the way",
    async (name) => {
      const rehearsal = await Rehearsal.of(name);
      expect(rehearsal.plain.wrong).toEqual([]);
      const plans = rehearsal.singles
        .filter(({ injected }) => injected.some(({ fault }) => fault.name.startsWith(FAULT)))
        .filter((_, index) => index % Number(EVERY) === Number(SEED) % Number(EVERY));
      const found: string[] = [];
      for (const plan of plans) {
        const wrong = await rehearsal.trouble(plan);
        if (wrong.length > 0)
          found.push(`${nameOf(plan)}\n  ${commandOf(plan)}\n  ${wrong.slice(0, 4).join("\n  ")}`);
      }
      expect(found).toEqual([]);
    },
    600_000,
  );
}

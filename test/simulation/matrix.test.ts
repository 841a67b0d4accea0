import { expect, test } from "@jest/globals";
import { commandOf, nameOf, planOf, Rehearsal } from "./plans.ts";
import { SCENARIOS } from "./scenarios.ts";

/**
 * Each fault in the way of each step of each scenario; of all these plans every EVERY-th is played, from the SEED-th on. All
 * of them, and pairs of faults: `make soak`. `PLAN="scale in/crash after/12"` plays that one alone, `FAULT=reboot` those of
 * that fault.
 */
const { EVERY = "2", SEED = "0", PLAN, FAULT = "" } = process.env;

const names = PLAN === undefined ? SCENARIOS.map(({ name }) => name) : [planOf(PLAN).scenario];

test.each(names)(
  "%s, whatever goes wrong on the way",
  async (name) => {
    const rehearsal = await Rehearsal.of(name);
    expect(rehearsal.plain.wrong).toEqual([]);
    const plans =
      PLAN === undefined
        ? rehearsal.singles
            .filter(({ injected }) => injected.some(({ fault }) => fault.name.startsWith(FAULT)))
            .filter((_, index) => index % Number(EVERY) === Number(SEED) % Number(EVERY))
        : [planOf(PLAN)];
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

import { describe, expect, test } from "@jest/globals";
import { FAULTS } from "./faults.ts";
import { compare, play } from "./play.ts";
import { read, SCENARIOS } from "./scenarios.ts";

/**
 * Each fault in the way of each step of each scenario; of all these plans every EVERY-th is played, from the SEED-th on.
 * `PLAN="scale in/crash after/12"` plays that one alone.
 */
const { EVERY = "16", SEED = "0", PLAN } = process.env;

/** Faults that are not mended yet in a scenario (docs/roadmap.md); `PLAN` plays them all the same. */
const OPEN: readonly string[] = [];

describe("still wrong", () => {
  for (const name of OPEN) test.todo(name);
});

test.each(SCENARIOS)(
  "$name, whatever goes wrong on the way",
  async (scenario) => {
    const reading = await read(scenario);
    const plain = await play(scenario, reading);
    expect(plain.wrong).toEqual([]);
    const all = FAULTS.flatMap((fault) =>
      [...plain.steps.entries()].flatMap(([at, step]) => {
        const pair = `${scenario.name}/${fault.name}`;
        return fault.hits(step) ? [{ fault, at, name: `${pair}/${at}`, isOpen: OPEN.includes(pair) }] : [];
      }),
    );
    const plans = all.filter(({ name, isOpen }, index) =>
      PLAN === undefined
        ? !isOpen && index % Number(EVERY) === Number(SEED) % Number(EVERY)
        : name.startsWith(PLAN),
    );
    const found: string[] = [];
    for (const { fault, at, name } of plans) {
      const wrong = compare(plain, await play(scenario, reading, { fault, at }), fault);
      if (wrong.length > 0)
        found.push(`PLAN="${name}" npm test -- test/simulation/matrix\n  ${wrong.slice(0, 4).join("\n  ")}`);
    }
    expect(found).toEqual([]);
  },
  300_000,
);

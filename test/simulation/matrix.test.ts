import { expect, test } from "@jest/globals";
import { FAULTS } from "./faults.ts";
import { compare, play } from "./play.ts";
import { read, SCENARIOS } from "./scenarios.ts";

/**
 * Each fault in the way of each step of each scenario; of all these plans every EVERY-th is played, from the SEED-th on.
 * `PLAN="scale in/crash after/12"` plays that one alone.
 */
const { EVERY = "16", SEED = "0", PLAN } = process.env;

/** Scenarios with plans that still fail (docs/roadmap.md): played by `EVERY` or `PLAN` only, until they do not. */
const OPEN = ["come home", "recreate a CIDR", "delete a tenant"];
const played = SCENARIOS.filter(
  ({ name }) => !OPEN.includes(name) || PLAN !== undefined || process.env["EVERY"] !== undefined,
);

test.each(played)("$name, whatever goes wrong on the way", async (scenario) => {
  const reading = await read(scenario);
  const plain = await play(scenario, reading);
  expect(plain.wrong).toEqual([]);
  const all = FAULTS.flatMap((fault) =>
    [...plain.steps.entries()].flatMap(([at, step]) =>
      fault.hits(step) ? [{ fault, at, name: `${scenario.name}/${fault.name}/${at}` }] : [],
    ),
  );
  const plans = all.filter(({ name }, index) =>
    PLAN === undefined ? index % Number(EVERY) === Number(SEED) % Number(EVERY) : name === PLAN,
  );
  const found: string[] = [];
  for (const { fault, at, name } of plans) {
    const wrong = compare(plain, await play(scenario, reading, { fault, at }), fault);
    if (wrong.length > 0)
      found.push(`PLAN="${name}" npm test -- test/simulation/matrix\n  ${wrong.slice(0, 4).join("\n  ")}`);
  }
  expect(found).toEqual([]);
});

import { parseArgs } from "node:util";
import fc from "fast-check";
import { FAULTS } from "./faults.ts";
import { commandOf, type Plan, Rehearsal } from "./plans.ts";
import { SCENARIOS } from "./scenarios.ts";

// Every fault at every step of every scenario, then pairs of faults without end: `make soak`, which says how to stop it.

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "0" },
    minutes: { type: "string" },
    pairs: { type: "boolean", default: false },
  },
});
const until =
  values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(values.minutes) * 60_000;

/** Plans played, and those that went wrong, by scenario and fault. */
const played = new Map<string, { plans: number; wrong: number }>();
let [plans, failures] = [0, 0];
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const rehearsals = await Promise.all(SCENARIOS.map(({ name }) => Rehearsal.of(name)));
if (!values.pairs) {
  for (const rehearsal of rehearsals) for (const plan of rehearsal.singles) await run(rehearsal, plan);
  table();
}
for (let seed = Number(values.seed); !stop.signal.aborted && Date.now() < until; seed++) {
  const [rehearsal, plan] = pairOf(seed);
  await run(rehearsal, plan);
  if (seed % 500 === 499)
    process.stderr.write(`${plans} plans, ${failures} wrong; the next pair is SEED=${seed + 1}\n`);
}
process.stdout.write(`${plans} plans, ${failures} wrong\n`);
process.exitCode = failures > 0 ? 1 : 0;

async function run(rehearsal: Rehearsal, plan: Plan): Promise<void> {
  if (stop.signal.aborted) return;
  const wrong = await rehearsal.trouble(plan);
  plans++;
  const [first] = plan.injected;
  const key = `${plan.scenario}/${first?.fault.name}`;
  const before = played.get(key) ?? { plans: 0, wrong: 0 };
  played.set(key, { plans: before.plans + 1, wrong: before.wrong + (wrong.length > 0 ? 1 : 0) });
  if (wrong.length === 0) return;
  failures++;
  process.stdout.write(`${commandOf(plan)}\n  ${wrong.slice(0, 4).join("\n  ")}\n`);
}

/** Two faults, of which the second comes at one of the twenty steps after the first. */
function pairOf(seed: number): [Rehearsal, Plan] {
  const choice = fc.tuple(
    fc.constantFrom(...rehearsals),
    fc.nat(),
    fc.constantFrom(...FAULTS),
    fc.nat({ max: 19 }),
  );
  const [[rehearsal, nth, fault, later] = neverEmpty()] = fc.sample(choice, { seed, numRuns: 1 });
  const { singles } = rehearsal;
  const { scenario, injected } = singles[nth % singles.length] ?? neverEmpty();
  const [first] = injected;
  return [rehearsal, { scenario, injected: [...injected, { fault, at: (first?.at ?? 0) + later }] }];
}

function neverEmpty(): never {
  throw new RangeError("there is no plan");
}

/** How many plans of each fault and scenario were played; those that went wrong after a slash. */
function table(): void {
  const cell = (scenario: string, fault: string): string => {
    const count = played.get(`${scenario}/${fault}`);
    if (!count) return "";
    return count.wrong > 0 ? `${count.plans} / **${count.wrong}**` : String(count.plans);
  };
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  const names = SCENARIOS.map(({ name }) => name);
  process.stdout.write(row(["fault", ...names]) + row(["---", ...names.map(() => "---:")]));
  for (const { name } of FAULTS)
    process.stdout.write(row([name, ...names.map((scenario) => cell(scenario, name))]));
}

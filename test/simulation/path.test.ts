import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { lineDifference } from "./play.ts";
import { Stage } from "./stage.ts";
import { readTree, type TreeReading } from "./scenarios.ts";
import { standing } from "./standing.ts";
import { type Files, hypervisor, subnet, tenant } from "./trees.ts";

const { SEED, RUNS = "40" } = process.env;

/** What one tenant may wish for, but for its home: replicas that stand elsewhere by then stay there. Undefined while it has no manifest at all. */
const wish = fc.option(
  fc.record({
    count: fc.integer({ min: 0, max: 4 }),
    greeting: fc.constantFrom("hello", "bye"),
    cidr: fc.constantFrom("10.13.13.0/24", "10.13.14.0/24"),
  }),
  { nil: undefined, freq: 4 },
);

/** A whole tree. */
const tree = fc.record({ t1: wish, t2: wish }).map(({ t1, t2 }): Files => {
  const of = (name: string, service: number, what: typeof t1): Files =>
    what ? { ...tenant(name, service), ...subnet(name, service, what.count, what) } : {};
  return { ...hypervisor("hv1", 11), ...hypervisor("hv2", 12), ...of("t1", 112, t1), ...of("t2", 120, t2) };
});

/** What stands after all these trees were in force, one after the other. */
async function after(trees: readonly [TreeReading, ...TreeReading[]]): Promise<string> {
  const stage = new Stage(trees[0]);
  for (const machine of stage.simulation.machines) machine.images.set("evenkeel/web:1", "sha256:web");
  for (const one of trees) {
    const { ending } = await stage.act(one, true);
    expect(ending).toBe("done");
  }
  return standing(stage.simulation, stage.disk.fleet);
}

test("what stands follows from the last tree alone, whatever was in force before it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(tree, { minLength: 2, maxLength: 4 }), async (files) => {
      const trees = await Promise.all(files.map(readTree));
      const [first, ...rest] = trees;
      const last = trees.at(-1);
      if (!first || !last) return;
      expect(lineDifference(await after([last]), await after([first, ...rest]))).toBe("");
    }),
    { numRuns: Number(RUNS), ...(SEED !== undefined && { seed: Number(SEED) }) },
  );
}, 300_000);

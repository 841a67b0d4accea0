import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import type { Ipv4 } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import { depart } from "./departure.ts";
import { HYPERVISORS, type Hv, Lab } from "./lab.ts";
import { lives } from "./lives.ts";
import { inLab, inMemory, machineLives, requests } from "./machine-lives.ts";
import { sequences } from "./sequences.ts";
import { leavingOf, type Place, replicasOf, storiesOf } from "../unit/stories.ts";
import { Twins } from "./twins.ts";
import { live } from "./workloads.ts";

jest.setTimeout(600_000);

/** `SEED=2` for others than those of every day; `RUNS` of them on each of the two hypervisors. */
const SEED = Number(process.env["SEED"] ?? 1);
const RUNS = Number(process.env["RUNS"] ?? 150);

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up("conformance");
});
afterAll(() => lab.down());

const place = (name: Hv): Place => ({ name, underlay: trusted<Ipv4>(lab.hypervisor(name).address) });

const otherOf = (hv: Hv): Hv => (hv === "hv1" ? "hv2" : "hv1");

/** What came of a property on one hypervisor: nothing, or the least that shows that it does not hold. */
async function check<T>(hv: Hv, property: fc.IAsyncProperty<T>, numRuns: number): Promise<string> {
  const details = await fc.check(property, { seed: SEED + HYPERVISORS.indexOf(hv), numRuns });
  if (!details.failed) return "";
  const { errorInstance } = details;
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `${hv}: SEED=${SEED} npm test -- test/lab/conformance\n${fc.defaultReportMessage(details)}\n${why}`;
}

async function onBoth(conforms: (hv: Hv) => Promise<string>): Promise<void> {
  const said = await Promise.all(HYPERVISORS.map(conforms));
  if (said.some(Boolean)) throw new Error(said.filter(Boolean).join("\n\n"));
}

test("a hypervisor in memory refuses and shows what a real one does, whatever it is given to do", () =>
  onBoth(async (hv) => {
    const twins = await Twins.of(lab, hv);
    const property = fc.asyncProperty(
      sequences(storiesOf(place(hv), place(otherOf(hv)))),
      async (sequence) => {
        expect(twins.simulated(sequence)).toEqual(await twins.real(sequence));
      },
    );
    return await check(hv, property, RUNS);
  }));

test("and so it is with containers, which end, are paused and are removed", () =>
  onBoth(async (hv) => {
    const twins = await Twins.of(lab, hv);
    const replicas = replicasOf(place(hv), place(otherOf(hv)));
    const property = fc.asyncProperty(lives(replicas), async (acts) => {
      const { simulated, real } = await live(twins, replicas, acts);
      expect(simulated).toEqual(real);
    });
    return await check(hv, property, RUNS / 10);
  }));

test("and with virtual machines, which are started, moved, killed and removed", () =>
  onBoth(async (hv) => {
    const twins = await Twins.of(lab, hv);
    const all = requests();
    const property = fc.asyncProperty(machineLives(), async (acts) => {
      expect(inMemory(twins, all, acts)).toEqual(await inLab(twins, all, acts));
    });
    return await check(hv, property, RUNS / 25);
  }));

test("clients of a replica that leaves the balancer see the same of both", async () => {
  const twins = await Twins.of(lab, "hv1");
  const leaving = leavingOf(place("hv1"), place("hv2"));
  const steps = await depart(lab, twins, leaving, "198.18.100.10");
  expect(steps.map(({ step, simulated }) => [step, simulated])).toEqual(
    steps.map(({ step, real }) => [step, real]),
  );
  // That it was about something.
  expect(steps.map(({ real }) => [real.answer.length, real.held.length])).toEqual([
    [2, 0],
    [2, 2],
    [1, 2],
    [1, 1],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
});

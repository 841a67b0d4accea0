import { expect, test } from "@jest/globals";
import { hypervisorLoad } from "../../src/load/samples.ts";
import { Simulation } from "../../src/simulated/simulation.ts";
import { FLEET, hypervisor } from "./scenario.ts";

test("a simulated hypervisor is as loaded as what runs on it makes it", async () => {
  let now = 0;
  const simulation = new Simulation([hypervisor("hv1", "198.18.0.11", { replicas: 5, cpu: "2" })], () => now);
  const [[name, host] = []] = [...simulation.hosts(async (_, perform) => perform())];
  if (!name || !host) throw new Error("there is no hypervisor");
  const options = { fleet: FLEET, seconds: 1, signal: new AbortController().signal, nonce: () => "n" };
  const reading = async () => new Map([[name, await host.sample(options)]]);
  const idle = await reading();
  now += 10_000;
  const before = await reading();
  simulation.machine(name).cpu.use(0.5, now);
  now += 10_000;
  const after = await reading();
  expect(hypervisorLoad(name, idle, before, 60)).toEqual({ ratio: 0 });
  expect(hypervisorLoad(name, before, after, 60)).toEqual({ ratio: 0.25 });
});

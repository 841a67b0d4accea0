import { expect, test } from "@jest/globals";
import { Simulation } from "../../src/simulated/simulation.ts";
import { VirtualClock } from "./clock.ts";
import { controller } from "./controller.ts";
import { Disk } from "./disk.ts";
import { type Files, hypervisor, revisionOf, subnet, tenant } from "./trees.ts";

const SITE: Files = { ...hypervisor("hv1", 11, 2), ...hypervisor("hv2", 12), ...tenant("t1", 112) };

test("the loop grows, shrinks and rolls on simulated hypervisors, and its clients are answered", async () => {
  const clock = new VirtualClock();
  const { hypervisors, fleet } = await revisionOf(SITE);
  const simulation = new Simulation([...hypervisors.values()], clock.now);
  for (const machine of simulation.machines) machine.images.set("evenkeel/web:1", "sha256:web");
  const disk = new Disk(fleet);
  const trips: string[] = [];
  const hosts = simulation.hosts(async ({ hypervisor: at, what }, perform) => {
    trips.push(`${what} ${at}`);
    return perform();
  });
  const converge = async (files: Files): Promise<string> => {
    const revision = await revisionOf({ ...SITE, ...files });
    const options = { fleet, hosts, clock, disk, holder: "here:1", takeOver: false };
    const write = async (keep: () => void): Promise<void> => keep();
    return (await clock.until(controller({ ...options, writing: write, revision: () => revision }))).ending;
  };
  /** Running containers by hypervisor, and who answers ten clients in turn. */
  const standing = (): unknown => ({
    running: simulation.machines.map(({ containers }) => containers.size),
    answered: new Set(
      Array.from({ length: 10 }, () => {
        const answer = simulation.clients.connect("198.18.100.112:80", 1);
        return answer.state === "open" ? answer.connection.workload.id : answer.state;
      }),
    ).size,
  });

  expect(await converge(subnet("t1", 112, 3))).toBe("done");
  expect(standing()).toEqual({ running: [2, 1], answered: 3 });
  expect(await converge(subnet("t1", 112, 1))).toBe("done");
  expect(standing()).toEqual({ running: [1, 0], answered: 1 });
  expect(await converge(subnet("t1", 112, 2))).toBe("done");
  const before = [...simulation.machine("hv1").containers.keys()];
  expect(await converge(subnet("t1", 112, 2, { greeting: "bye" }))).toBe("done");
  const after = simulation.machines.flatMap(({ containers }) => [...containers.keys()]);
  expect(after).toHaveLength(2);
  expect(after.filter((id) => before.includes(id))).toEqual([]);

  trips.length = 0;
  expect(await converge(subnet("t1", 112, 2, { greeting: "bye" }))).toBe("done");
  expect(trips.toSorted()).toEqual(["look hv1", "look hv2"]);
});

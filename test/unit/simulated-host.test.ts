import { expect, test } from "@jest/globals";
import { hypervisorLoad } from "../../src/load/samples.ts";
import { leaveBridge } from "../../src/simulated/links.ts";
import { runBlock } from "../../src/simulated/programs.ts";
import { Simulation } from "../../src/simulated/simulation.ts";
import { Machine, newLink } from "../../src/simulated/machine.ts";
import { addBox, boxesFor } from "./boxes.ts";
import { FLEET, hypervisor } from "./scenario.ts";
import { EXCHANGE, type Place, type Story, storiesOf } from "./stories.ts";

const HV1: Place = { name: "hv1", underlay: "198.18.0.11" as never };
const HV2: Place = { name: "hv2", underlay: "198.18.0.12" as never };

/** A hypervisor after a story. */
function played(story: Story): { machine: Machine; refused: object[] } {
  const machine = new Machine({
    name: HV1.name as never,
    underlay: { address: HV1.underlay, device: "eth0", mtu: 1500 },
    uplink: { address: "198.18.100.2/24" as never, device: "edge" },
    cpus: 2,
    now: () => 0,
  });
  machine.own.links.push(newLink(machine, machine.own, { name: EXCHANGE, type: "bridge", up: true }));
  const sandboxes = boxesFor(story);
  for (const [name, sandbox] of sandboxes) addBox(machine, name, sandbox);
  const refused = story.flatMap((operation) => {
    const block = { tenant: "", operations: [operation], sandboxes };
    const { ok, message } = runBlock(machine, block, { lines: Number.POSITIVE_INFINITY });
    return ok ? [] : [{ ...operation, message }];
  });
  return { machine, refused };
}

test.each(storiesOf(HV1, HV2).map((story, index) => [index, story] as const))(
  "a simulated hypervisor refuses nothing of what plans tell it: story %i",
  (_, story) => {
    expect(played(story).refused).toEqual([]);
  },
);

test("a bridge keeps the MTU that a plan gave it when its last port has gone", () => {
  const [story = []] = storiesOf(HV1, HV2);
  const { machine } = played(
    story.slice(
      0,
      story.findIndex(({ phase }) => phase === "balance"),
    ),
  );
  const space = machine.spaces.get("campus.t1");
  const bridge = space?.links.find(({ name }) => name === "br-web");
  for (const port of space?.links ?? []) if (port.master === bridge) leaveBridge(port);
  expect(bridge?.mtu).toBe(1450);
});

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

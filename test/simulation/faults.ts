import type { HypervisorName } from "../../src/api/names.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import { believed, believedMachines } from "../../src/facts/consistent.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { consistent } from "../../src/hosts/look.ts";
import { killWorkload } from "../../src/simulated/docker.ts";
import { removeLink } from "../../src/simulated/links.ts";
import type { Link } from "../../src/simulated/parts.ts";
import type { Simulation } from "../../src/simulated/simulation.ts";
import { Disk } from "./disk.ts";
import { plantForeign, plantRules } from "./foreign.ts";
import { lost, type Injection, type Stage, type Step, unreachable } from "./stage.ts";

/** One way in which something can go wrong at a step. */
export interface Fault {
  /** With its parameter: `late 20 s`. */
  readonly name: string;
  /** The steps that it can hit. */
  readonly hits: (step: Step) => boolean;
  readonly inject: Injection;
  /** Replicas that it may cost: so many more may be made and removed than in a run without it. */
  readonly costs: number;
  /** Whether replicas may stand elsewhere in the end, because a hypervisor was not seen when they were placed. */
  readonly moves: boolean;
}

const SECOND = 1000;

const isTrip = ({ what }: Step): boolean => what !== "ledger";
const isChange = ({ what }: Step): boolean => what === "change";
const isLook = ({ what }: Step): boolean => what === "look";
const changesSomething = ({ what }: Step): boolean => ["change", "start", "pull"].includes(what);
const hypervisorOf = ({ hypervisor }: Step): HypervisorName => {
  if (hypervisor === undefined) throw new RangeError("it is no hypervisor's step");
  return hypervisor;
};

/** What a fault may lead to, beside what a run without it leads to. */
interface Allowed {
  readonly costs?: number;
  readonly moves?: boolean;
}

const fault = (
  name: string,
  hits: Fault["hits"],
  inject: Injection,
  { costs = 0, moves = false }: Allowed = {},
): Fault => ({ name, hits, inject, costs, moves });

/** Something happens to the world before the step, which then goes on. */
const meanwhile = (
  name: string,
  hits: Fault["hits"],
  happens: (stage: Stage, step: Step) => void,
  allowed?: Allowed,
): Fault =>
  fault(
    name,
    hits,
    async (stage, step, _, goOn) => {
      happens(stage, step);
      stage.monitor.check("fault");
      return await goOn();
    },
    allowed,
  );

/** Deletes one of our links, as somebody with a shell would. */
function removeFirst({ machines }: Simulation, isMeant: (link: Link) => boolean): void {
  for (const machine of machines)
    for (const [name, { links }] of machine.spaces) {
      const link = name.startsWith("campus.") ? links.find(isMeant) : undefined;
      if (!link) continue;
      removeLink(machine, link);
      return;
    }
}

/** Everything that the matrix puts in the way of every step that it can hit. */
export const FAULTS: readonly Fault[] = [
  fault(
    "crash before",
    () => true,
    (stage) => stage.crash(),
  ),
  fault(
    "crash after",
    () => true,
    async (stage, _, perform) => {
      perform();
      return await stage.crash();
    },
  ),
  fault(
    "lost acknowledgement",
    isTrip,
    async (_, step, perform) => {
      perform();
      return lost(step);
    },
    { moves: true },
  ),
  ...[2, 20].map((seconds) =>
    fault(`late by ${seconds} s`, changesSomething, async (stage, step, perform) => {
      stage.clock.schedule(() => {
        // What it says when it comes that late, nobody hears.
        try {
          perform();
        } catch (error) {
          if (!(error instanceof EvenkeelError)) throw error;
        }
      }, seconds * SECOND);
      return lost(step);
    }),
  ),
  ...[1, 4, 9, 20].map((lines) =>
    fault(`cut after ${lines} lines`, isChange, async (_, step, perform) => {
      perform(lines);
      return lost(step);
    }),
  ),
  ...[3, 12].map((lines) =>
    fault(`crash after ${lines} lines`, isChange, async (stage, _, perform) => {
      perform(lines);
      return await stage.crash();
    }),
  ),
  fault(
    "refusal",
    isTrip,
    async (_, step) => {
      if (step.what === "change") return { blocks: new Map(), rest: "not now", ended: false };
      throw new EvenkeelError("EK-CHANGE-FAILED", `${step.hypervisor}: not now`);
    },
    { moves: true },
  ),
  fault("unreachable", isTrip, async (_, step) => unreachable(step), { moves: true }),
  fault(
    "hang",
    isTrip,
    async (stage, step) => {
      await stage.clock.sleep(60 * SECOND, new AbortController().signal);
      return lost(step);
    },
    { moves: true },
  ),
  fault(
    "empty list of containers",
    isLook,
    async (_, __, perform) => {
      const facts = perform() as HostFacts;
      return { ...facts, containers: believed([], facts.sandboxes) };
    },
    { moves: true },
  ),
  fault(
    "no namespaces",
    isLook,
    async (stage, _, perform) =>
      consistent({ ...(perform() as HostFacts), namespaces: new Map() }, stage.disk.fleet),
    { moves: true },
  ),
  ...[1, 3].map((lag) =>
    fault(
      `stale look by ${lag}`,
      isLook,
      async (stage, step, perform) => {
        const now = perform();
        const before = stage.looks.get(hypervisorOf(step)) ?? [];
        return before.at(-lag) ?? now;
      },
      { moves: true },
    ),
  ),
  meanwhile(
    "partition for 30 s",
    isTrip,
    (stage, step) => {
      stage.partitions.set(hypervisorOf(step), { until: stage.clock.now() + 30 * SECOND, arrives: false });
    },
    { moves: true },
  ),
  fault(
    "one-way partition for 30 s",
    isTrip,
    async (stage, step, perform) => {
      stage.partitions.set(hypervisorOf(step), { until: stage.clock.now() + 30 * SECOND, arrives: true });
      perform();
      return lost(step);
    },
    { moves: true },
  ),
  meanwhile("underlay cut for 30 s", isTrip, ({ simulation, clock, monitor }) => {
    const pairs = simulation.machines.flatMap(({ name }) =>
      simulation.machines.filter((other) => other.name !== name).map((other) => `${name} ${other.name}`),
    );
    for (const pair of pairs) simulation.fabric.blocked.add(pair);
    clock.schedule(() => {
      simulation.fabric.blocked.clear();
      monitor.check("fault");
    }, 30 * SECOND);
    monitor.mayFail = true;
  }),
  meanwhile(
    "reboot",
    isTrip,
    ({ simulation, monitor }, step) => {
      const machine = simulation.machine(hypervisorOf(step));
      machine.boot();
      plantForeign(machine);
      monitor.mayFail = true;
    },
    { costs: 4, moves: true },
  ),
  meanwhile(
    "Docker away for 20 s",
    isTrip,
    (stage, step) => {
      stage.dockerless.set(hypervisorOf(step), stage.clock.now() + 20 * SECOND);
    },
    { moves: true },
  ),
  meanwhile(
    "Docker restarted, with all that it ran",
    isTrip,
    (stage, step) => {
      const machine = stage.simulation.machine(hypervisorOf(step));
      for (const container of machine.containers.values())
        if (container.space) killWorkload(machine, container);
      stage.dockerless.set(hypervisorOf(step), stage.clock.now() + 5 * SECOND);
      stage.monitor.mayFail = true;
    },
    { moves: true },
  ),
  meanwhile(
    "libvirt away for 20 s",
    isTrip,
    ({ simulation, clock }, step) => {
      const machine = simulation.machine(hypervisorOf(step));
      machine.libvirt = false;
      clock.schedule(() => {
        machine.libvirt = true;
      }, 20 * SECOND);
    },
    { moves: true },
  ),
  fault(
    "empty list of machines",
    isLook,
    async (stage, _, perform) => {
      const facts = perform() as HostFacts;
      const ours = (name: string): boolean => name.startsWith(`${stage.disk.fleet}.`);
      return { ...facts, domains: believedMachines([], facts.namespaces, ours) };
    },
    { moves: true },
  ),
  meanwhile(
    "half-written tree for 30 s",
    () => true,
    (stage) => {
      stage.tornUntil = stage.clock.now() + 30 * SECOND;
    },
  ),
  meanwhile("firewall flushed", isTrip, ({ simulation, monitor }, step) => {
    const machine = simulation.machine(hypervisorOf(step));
    for (const [name, space] of machine.spaces)
      if (name.startsWith("campus.")) Object.assign(space, { ipv4: {}, ipv6: {}, bridge: {} });
    plantRules(machine);
    monitor.mayFail = true;
  }),
  ...[-3600, 3600].flatMap((seconds) => [
    meanwhile(
      `clock set by ${seconds} s`,
      () => true,
      ({ clock, monitor }) => {
        clock.step(seconds * SECOND);
        monitor.slack = 1 / 12; // a steady clock's
      },
    ),
    fault(
      `crash, clock set by ${seconds} s`,
      () => true,
      (stage) => {
        stage.clock.step(seconds * SECOND);
        // A clock that jumps ahead looks like an hour in which nothing ran.
        stage.monitor.mayCut ||= seconds > 0;
        return stage.crash();
      },
    ),
  ]),
  fault(
    "second controller",
    isTrip,
    async (stage, _, perform) => {
      await stage.process({
        takeOver: true,
        disk: new Disk(stage.disk.fleet),
        holder: "there:1",
        isHindered: false,
      });
      return perform();
    },
    { costs: 4, moves: true },
  ),
  meanwhile("a replica's link deleted by hand", isTrip, ({ simulation, monitor }) => {
    removeFirst(
      simulation,
      ({ name, peer, group }) => /^w.{8}$/.test(name) && peer !== undefined && group !== "default",
    );
    monitor.mayFail = true;
  }),
  meanwhile("a bridge deleted by hand", isTrip, ({ simulation, monitor }) => {
    removeFirst(simulation, ({ type }) => type === "bridge");
    monitor.mayFail = true;
  }),
  meanwhile(
    "a replica's workload killed by hand",
    isTrip,
    ({ simulation, monitor }) => {
      const [machine] = simulation.machines;
      const running = [...(machine?.workloads() ?? [])].find(({ state }) => state === "running");
      if (machine && running) killWorkload(machine, running);
      monitor.mayFail = true;
    },
    { costs: 1 },
  ),
  meanwhile(
    "a gateway's processes killed, and a resolver's files edited by hand",
    isTrip,
    ({ simulation }) => {
      for (const { collectors } of simulation.machines)
        for (const collector of collectors.values()) collector.space = undefined;
      for (const { resolvers } of simulation.machines)
        for (const resolver of resolvers.values()) {
          if (!resolver.process) continue;
          Object.assign(resolver, { process: undefined, hosts: ["10.13.13.66 web.t1.internal"], leases: [] });
          return;
        }
    },
  ),
  fault(
    "disk full",
    ({ what }) => what === "ledger",
    async (stage, _, perform) => {
      stage.disk.full = 2;
      return perform();
    },
  ),
  fault(
    "torn ledger",
    () => true,
    async (stage, _, perform) => {
      perform();
      stage.disk.lose();
      return await stage.crash();
    },
  ),
];

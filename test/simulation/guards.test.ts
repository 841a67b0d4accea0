import { describe, expect, test } from "@jest/globals";
import type { TenantName } from "../../src/api/names.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { World } from "../../src/controllers/controller.ts";
import { passOver } from "../../src/controllers/pass.ts";
import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { emptyMemory, type FleetMemory } from "../../src/replicas/memory.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import type { Passage, Trip } from "../../src/simulated/host.ts";
import { Simulation } from "../../src/simulated/simulation.ts";
import { VirtualClock } from "./clock.ts";
import { controller, type Run } from "./controller.ts";
import { Disk } from "./disk.ts";
import { type Files, hypervisor, revisionOf, subnet, tenant } from "./trees.ts";

const T1 = "t1" as TenantName;
const HYPERVISORS: Files = { ...hypervisor("hv1", 11, 2), ...hypervisor("hv2", 12) };
const SITE: Files = { ...HYPERVISORS, ...tenant("t1", 112) };

/** Two hypervisors and a disk, which outlive the controllers that work on them. */
class Playground {
  readonly clock = new VirtualClock();
  readonly simulation: Simulation;
  disk: Disk;
  /** What was asked of the hypervisors: `change hv1`. */
  trips: string[] = [];
  /** What comes in the way of a question. */
  passage: Passage = async (_, perform) => perform();
  /** What comes in the way of a write of the ledger. */
  write: (keep: () => void) => void = (keep) => keep();

  private constructor(simulation: Simulation, disk: Disk, clock: VirtualClock) {
    this.simulation = simulation;
    this.disk = disk;
    this.clock = clock;
    for (const machine of simulation.machines) machine.images.set("evenkeel/web:1", "sha256:web");
  }

  static async open(): Promise<Playground> {
    const { hypervisors, fleet } = await revisionOf(SITE);
    const clock = new VirtualClock();
    return new Playground(new Simulation([...hypervisors.values()], clock.now), new Disk(fleet), clock);
  }

  /** One process from its start to its end. */
  async converge(files: Files, { disk = this.disk, holder = "here:1", site = SITE } = {}): Promise<Run> {
    const revision = await revisionOf({ ...site, ...files });
    const hosts = this.simulation.hosts((trip, perform) => {
      this.trips.push(`${trip.what} ${trip.hypervisor}`);
      return this.passage(trip, perform);
    });
    const writing = async (keep: () => void): Promise<void> => this.write(keep);
    const { fleet } = disk;
    const options = { fleet, hosts, clock: this.clock, disk, writing, holder, takeOver: false };
    return await this.clock.until(controller({ ...options, revision: () => revision }));
  }

  get running(): number {
    return this.simulation.machines.reduce((sum, { containers }) => sum + containers.size, 0);
  }

  get changes(): string[] {
    return this.trips.filter((trip) => /^(change|start)/.test(trip));
  }
}

const isChange = ({ what }: Trip): boolean => what === "change";

test.each([0, 1, 2, 3])(
  "a change that says that it went well, and did nothing, is found out by the look after it: number %i",
  async (number) => {
    const on = await Playground.open();
    await on.converge(subnet("t1", 112, 1));
    let changes = 0;
    on.passage = async (trip, perform) => {
      if (!isChange(trip) || changes++ !== number) return perform();
      return { blocks: new Map([[T1, { ok: true, message: "" }]]), rest: "" } as ReturnType<typeof perform>;
    };
    expect((await on.converge({}, { site: HYPERVISORS })).ending).toBe("done");
    expect(changes).toBeGreaterThan(number);
    expect(on.running).toBe(0);
    expect(on.simulation.machines.map(({ spaces }) => [...spaces.keys()])).toEqual([[], []]);
  },
);

test("a workload that was told to end is seen to have ended, or given its time, before it is removed", async () => {
  const on = await Playground.open();
  await on.converge(subnet("t1", 112, 2));
  const told = new Map<string, number>();
  const [machine] = on.simulation.machines;
  if (!machine) throw new Error("no machine");
  /** Running when it was removed, though it was told to end less than its time ago. */
  const early: string[] = [];
  on.passage = async (_, perform) => {
    const before = new Map([...machine.containers].map(([id, { state, endsAt }]) => [id, { state, endsAt }]));
    const answer = perform();
    for (const [id, { state, endsAt }] of before) {
      const after = machine.containers.get(id);
      if (after?.endsAt !== undefined) told.set(id, told.get(id) ?? on.clock.now());
      const isRunning = state === "running" && (endsAt === undefined || endsAt > on.clock.now());
      if (!after && isRunning) early.push(id);
    }
    return answer;
  };
  expect(await on.converge(subnet("t1", 112, 1))).toMatchObject({ ending: "done" });
  expect(on.running).toBe(1);
  expect(told.size).toBe(1);
  expect(early).toEqual([]);
});

describe("the ledger", () => {
  test("that cannot be written has nothing done that it would not remember", async () => {
    const on = await Playground.open();
    /** Replicas of which the disk knew when something was done. */
    const remembered = (): number => on.disk.kept.tenants[T1]?.replicas.length ?? 0;
    on.write = (keep) => {
      const before = remembered();
      const kept: FleetMemory = on.disk.kept;
      keep();
      if (remembered() === before) return;
      on.disk.kept = kept;
      throw new EvenkeelError("EK-STATE-WRITE", "no space left on device");
    };
    expect((await on.converge(subnet("t1", 112, 1))).ending).toBe("failed");
    expect(on.changes).toEqual([]);
  });

  test("that is new gives nothing out while a hypervisor was never seen", async () => {
    const on = await Playground.open();
    on.passage = async (trip, perform) => {
      if (trip.hypervisor === "hv2") throw new EvenkeelError("EK-HOST-UNREACHABLE", "hv2 does not answer");
      return perform();
    };
    const { ending, results } = await on.converge(subnet("t1", 112, 1));
    expect(ending).not.toBe("done");
    expect(results.get(T1)?.notes.map(({ reason }) => reason)).toContain("LedgerIncomplete");
    expect(on.changes).toEqual([]);
  });

  test("that is new has not seen a hypervisor whose Docker did not answer", async () => {
    const on = await Playground.open();
    on.passage = async (trip, perform) => {
      const answer = perform();
      const isSilent = trip.what === "look" && trip.hypervisor === "hv2";
      return isSilent ? { ...answer, containers: undefined } : answer;
    };
    await on.converge(subnet("t1", 112, 1));
    expect(on.disk.kept.seen).toEqual(["hv1"]);
    expect(on.changes).toEqual([]);
  });
});

test("a hypervisor that lacks something is not used, and what it lacks is said", async () => {
  const on = await Playground.open();
  on.passage = async (trip, perform) => {
    const answer = perform();
    const lacks = [{ check: "tool conntrack", state: "failed", message: "conntrack is missing" }];
    return trip.what === "contact" && trip.hypervisor === "hv1" ? (lacks as typeof answer) : answer;
  };
  await on.converge(subnet("t1", 112, 1));
  expect(on.trips.filter((trip) => trip.endsWith("hv1") && trip !== "contact hv1")).toEqual([]);
  expect(on.disk.kept.seen).toEqual(["hv2"]);
});

test("a look that shows none of the replicas that stood there is believed when it is repeated, and not before", async () => {
  const on = await Playground.open();
  const files = subnet("t1", 112, 2);
  await on.converge(files);
  const before = [...on.simulation.machine("hv1").containers.keys()];
  let looks = 0;
  on.passage = async (trip, perform) => {
    const answer = perform();
    if (trip.what !== "look" || trip.hypervisor !== "hv1" || looks++ > 0) return answer;
    return { ...answer, containers: [], sandboxes: new Map() };
  };
  on.trips = [];
  expect((await on.converge(files)).ending).toBe("done");
  expect(on.changes).toEqual([]);
  expect([...on.simulation.machine("hv1").containers.keys()]).toEqual(before);
});

describe("a second controller", () => {
  test("is refused while the first one's fence is fresh, and told who that is", async () => {
    const on = await Playground.open();
    await on.converge(subnet("t1", 112, 1));
    const second = { disk: new Disk(on.disk.fleet), holder: "there:1" };
    const { machines } = on.simulation;
    for (const machine of machines) if (machine.fence) machine.fence = { ...machine.fence, state: "held" };
    on.trips = [];
    expect((await on.converge(subnet("t1", 112, 2), second)).ending).toBe("fenced");
    expect(on.changes).toEqual([]);
    for (const machine of machines) if (machine.fence) machine.fence = { ...machine.fence, at: 0 };
    expect((await on.converge(subnet("t1", 112, 2), second)).ending).toBe("done");
  });

  test("leaves the one before it without effect, wherever that was", async () => {
    const on = await Playground.open();
    let isTaken = false;
    on.passage = async (trip, perform) => {
      // Somebody takes over after the first look: of all that is sent from then on nothing may come to be.
      if (trip.what !== "look" && !isTaken) {
        isTaken = true;
        for (const machine of on.simulation.machines)
          machine.fence = {
            epoch: 99,
            ledger: "other",
            holder: "there:1",
            manifests: "/manifests",
            serial: 7,
            state: "held",
            at: machine.now,
          };
      }
      return perform();
    };
    expect((await on.converge(subnet("t1", 112, 2))).ending).toBe("fenced");
    expect(on.running).toBe(0);
    expect(on.simulation.machines.map(({ spaces }) => [...spaces.keys()])).toEqual([[], []]);
  });

  test("that stays is refused where another one kept another tree in force, however long ago", async () => {
    const on = await Playground.open();
    const revision = await revisionOf({ ...SITE, ...subnet("t1", 112, 1) });
    const { signal } = new AbortController();
    const former = {
      epoch: 3,
      ledger: "other",
      holder: "there:1",
      manifests: "/srv/theirs",
      serial: 7,
      at: 0,
    };
    const pass = async (manifests: string, takeOver = false): Promise<unknown> => {
      for (const machine of on.simulation.machines) machine.fence = { ...former, state: "held" };
      const world: World = {
        fleet: revision.fleet,
        hosts: on.simulation.hosts(async (_, perform) => perform()),
        ledger: new MemoryLedger(emptyMemory(revision.fleet)),
        stays: true,
        claim: { epoch: 0, ledger: "", holder: "here:1", manifests },
        takeOver,
        images: new Images(on.clock.now),
        reach: new Reachability(on.clock.now, 0),
        fences: new Fences(),
        count: new Map(),
        log: SILENT,
      };
      const options = { signal, stop: signal, only: undefined, lookSeconds: 10, changeSeconds: 60 };
      const all = { revision, clock: on.clock, dryRun: false, show: () => {}, ...options };
      return await on.clock.until(passOver(world, all));
    };
    await expect(pass("/srv/ours")).rejects.toMatchObject({
      code: "EK-HOST-HELD",
      message: expect.stringContaining("/srv/theirs"),
    });
    expect(on.running).toBe(0);
    await expect(pass("/srv/ours", true)).resolves.toBeDefined();
    await expect(pass("/srv/theirs")).resolves.toBeDefined();
  });
});

import { EvenkeelError } from "../api/errors.ts";
import type { Clock } from "../clock/clock.ts";
import type { World } from "../controllers/controller.ts";
import { Fences } from "../hosts/fences.ts";
import { Images } from "../hosts/images.ts";
import { Reachability } from "../hosts/reachability.ts";
import { MemoryLedger } from "../ledger/ledger.ts";
import type { Revision } from "../manifests/revision.ts";
import { emptyMemory } from "../replicas/memory.ts";
import type { Passage } from "../simulated/host.ts";
import { Simulation } from "../simulated/simulation.ts";
import type { Log } from "../telemetry/log.ts";

/** What a round trip takes, and how long one is waited for that is not answered; milliseconds. */
const TRIP = 50;
const SILENCE = 1_000;

/** Simulated hypervisors, and a world of production parts that knows no other. */
export interface Stage {
  readonly simulation: Simulation;
  readonly world: World;
}

/** Sets up the hypervisors of a revision, empty as they come, with a ledger that forgets. */
export function setUp(revision: Revision, clock: Clock, log: Log): Stage {
  const simulation = new Simulation([...revision.hypervisors.values()], clock.now);
  const passage: Passage = async ({ hypervisor, signal }, perform) => {
    const isOff = simulation.fabric.off.has(hypervisor);
    const unreachable = (why: string): never => {
      throw new EvenkeelError("EK-HOST-UNREACHABLE", `${hypervisor}: ${why}`);
    };
    await clock.sleep(isOff ? SILENCE : TRIP, signal).catch(() => unreachable("called off"));
    return isOff ? unreachable(`no answer in ${SILENCE / 1000} s`) : perform();
  };
  const world: World = {
    fleet: revision.fleet,
    ledger: new MemoryLedger(emptyMemory(revision.fleet)),
    hosts: simulation.hosts(passage),
    claim: { epoch: 0, ledger: "", holder: "demo", manifests: revision.directory },
    takeOver: false,
    stays: true,
    images: new Images(clock.now),
    reach: new Reachability(clock.now, Number.POSITIVE_INFINITY),
    fences: new Fences(),
    count: new Map(),
    log,
  };
  return { simulation, world };
}

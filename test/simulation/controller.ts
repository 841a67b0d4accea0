import type { FleetName, HypervisorName, TenantName } from "../../src/api/names.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { Clock } from "../../src/clock/clock.ts";
import { settledOf, type TenantResult, type World } from "../../src/controllers/controller.ts";
import { passOver } from "../../src/controllers/pass.ts";
import { WorkQueue } from "../../src/engine/queue.ts";
import { run } from "../../src/engine/run.ts";
import type { Host } from "../../src/hosts/host.ts";
import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { type Instruction, withInstruction } from "../../src/replicas/instruction.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { type Disk, DiskLedger, type Writing } from "./disk.ts";

export interface ControllerOptions {
  readonly fleet: FleetName;
  readonly hosts: ReadonlyMap<HypervisorName, Host>;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly writing: Writing;
  /** `machine:pid`. */
  readonly holder: string;
  /** What is in force; asked with each pass. */
  readonly revision: () => Revision;
  readonly takeOver: boolean;
}

/** What a run came to. */
export interface Run {
  readonly ending: "done" | "stuck" | "timeout" | "aborted" | "fenced" | "failed";
  /** Of the last pass over each tenant. */
  readonly results: ReadonlyMap<TenantName, TenantResult>;
  /** Ids of what waits for an approval. */
  readonly waiting: readonly string[];
}

/** Seconds that a hypervisor which does not answer is left alone. */
const REST = 10_000;
/** Milliseconds that a run may take. */
const LIMIT = 600_000;

/** One process of evenkeel, from its start to its end: the production loop on the ledger that it finds. */
export async function controller(
  options: ControllerOptions,
  instructions: readonly Instruction[] = [],
): Promise<Run> {
  const { fleet, hosts, clock, disk, writing, holder, revision, takeOver } = options;
  const { signal } = new AbortController();
  const world: World = {
    fleet,
    hosts,
    ledger: new DiskLedger(disk, writing),
    stays: false,
    claim: { epoch: 0, ledger: "", holder, manifests: "/manifests" },
    takeOver,
    images: new Images(clock.now),
    reach: new Reachability(clock.now, REST),
    fences: new Fences(),
    count: new Map(),
    log: SILENT,
  };
  const results = new Map<TenantName, TenantResult>();
  let waiting: readonly string[] = [];
  const queue = new WorkQueue<TenantName>(clock);
  queue.addEveryone();
  try {
    for (const instruction of instructions)
      await world.ledger.update((state) => withInstruction(state, instruction));
    const ending = await run<TenantName>({
      queue,
      clock,
      signal,
      continuous: false,
      deadline: clock.now() + LIMIT,
      pass: async (only) => {
        const pass = await passOver(world, {
          revision: revision(),
          clock,
          dryRun: false,
          signal,
          stop: signal,
          only,
          lookSeconds: 10,
          changeSeconds: 60,
          show: () => {},
        });
        for (const result of pass.tenants) results.set(result.tenant, result);
        waiting = [...pass.refusals, ...pass.tenants.flatMap(({ refusals }) => refusals)].map(({ id }) => id);
        return pass.tenants.map(settledOf);
      },
    });
    return { ending, results, waiting };
  } catch (error) {
    if (!(error instanceof EvenkeelError)) throw error;
    return { ending: error.code === "EK-HOST-HELD" ? "fenced" : "failed", results, waiting };
  }
}

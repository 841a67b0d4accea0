import type { HypervisorName, TenantName } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import { settledOf, type TenantResult, type World } from "../controllers/controller.ts";
import { letGo } from "../controllers/hypervisor.ts";
import { type PassResult, passOver } from "../controllers/pass.ts";
import { WorkQueue } from "../engine/queue.ts";
import { type Ending, run } from "../engine/run.ts";
import type { Revision } from "../manifests/revision.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { DrainReceipt } from "../replicas/receipt.ts";
import type { Interrupt } from "./interrupt.ts";

/** Deadlines on a hypervisor: of a look, and of a batch of changes. */
export const LOOK_SECONDS = 10;
export const CHANGE_SECONDS = 60;

export interface ConvergeOptions {
  readonly only?: readonly TenantName[];
  readonly timeoutSeconds: number;
  readonly interrupt: Interrupt;
  /** CPU used ÷ CPUs by hypervisor, where somebody has sampled. */
  readonly loads?: ReadonlyMap<HypervisorName, number> | undefined;
  readonly show: (tenant: TenantName, entries: readonly PlanEntry[]) => void;
  /** Told of each pass when it is over. */
  readonly passed: (result: PassResult) => void;
}

/** One tenant over all passes. */
export interface TenantRun {
  readonly last: TenantResult;
  /** Everything that was changed, in all passes. */
  readonly entries: readonly PlanEntry[];
  /** Of all drains that ended, in all passes. */
  readonly receipts: readonly DrainReceipt[];
  /** Milliseconds from the beginning of the run to the end of the last pass over it. */
  readonly milliseconds: number;
}

/** What came of a run. */
export interface Run {
  readonly ending: Ending;
  readonly tenants: ReadonlyMap<TenantName, TenantRun>;
  readonly last: PassResult;
  readonly milliseconds: number;
}

/** Passes over tenants until they are as asked, or somebody is needed, or the time is over. */
export async function converge(world: World, revision: Revision, options: ConvergeOptions): Promise<Run> {
  const { only, timeoutSeconds, interrupt, loads, show, passed } = options;
  const began = systemClock.now();
  const timeout = new AbortController();
  const cancel = systemClock.schedule(() => timeout.abort(), timeoutSeconds * 1000);
  const stop = AbortSignal.any([interrupt.stop, timeout.signal]);
  const tenants = new Map<TenantName, TenantRun>();
  let last: PassResult | undefined;
  const queue = new WorkQueue<TenantName>(systemClock);
  queue.addEveryone();
  try {
    const ending = await run<TenantName>({
      queue,
      clock: systemClock,
      signal: stop,
      continuous: false,
      deadline: began + timeoutSeconds * 1000,
      pass: async (keys) => {
        last = await passOver(world, {
          revision,
          clock: systemClock,
          dryRun: false,
          signal: interrupt.abort,
          stop,
          only: keys ?? only,
          loads,
          lookSeconds: LOOK_SECONDS,
          changeSeconds: CHANGE_SECONDS,
          show,
        });
        const milliseconds = systemClock.now() - began;
        for (const result of last.tenants) {
          const before = tenants.get(result.tenant);
          const entries = [...(before?.entries ?? []), ...result.entries];
          const receipts = [...(before?.receipts ?? []), ...result.receipts];
          tenants.set(result.tenant, { last: result, entries, receipts, milliseconds });
        }
        passed(last);
        return last.tenants.map(settledOf);
      },
    });
    if (!last) throw new RangeError("the engine ended without a pass");
    const isLate = ending === "aborted" && !interrupt.stop.aborted;
    const milliseconds = systemClock.now() - began;
    return { ending: isLate ? "timeout" : ending, tenants, last, milliseconds };
  } finally {
    cancel();
    await letGo(world, revision, interrupt.abort, systemClock.nonce);
  }
}

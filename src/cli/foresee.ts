import type { TenantName } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import type { World } from "../controllers/controller.ts";
import { passOver } from "../controllers/pass.ts";
import { MemoryLedger } from "../ledger/ledger.ts";
import type { Revision } from "../manifests/revision.ts";
import type { FleetMemory } from "../replicas/memory.ts";
import { CHANGE_SECONDS, LOOK_SECONDS } from "./converge.ts";
import type { Foresight } from "./plan-view.ts";

export interface ForeseeOptions {
  readonly only?: readonly TenantName[];
  readonly signal: AbortSignal;
  /** What would be remembered; the world's own ledger when left out. */
  readonly memory?: FleetMemory;
}

/**
 * Looks once, and goes the whole way to the end on the effects of what would be done. Changes nothing, on no hypervisor
 * and in no ledger: all that is decided stays in a copy of the memory.
 */
export async function foresee(
  world: World,
  revision: Revision,
  { only, signal, memory }: ForeseeOptions,
): Promise<Foresight> {
  const before = memory ?? world.ledger.state;
  const ledger = new MemoryLedger(before);
  const result = await passOver(
    { ...world, ledger },
    {
      revision,
      clock: systemClock,
      dryRun: true,
      signal,
      stop: signal,
      only,
      lookSeconds: LOOK_SECONDS,
      changeSeconds: CHANGE_SECONDS,
      show: () => {},
    },
  );
  return { revision, before, result };
}

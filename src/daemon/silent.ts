import type { Clock } from "../clock/clock.ts";
import type { World } from "../controllers/controller.ts";

export interface SilentOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly lookSeconds: number;
  /** Told when one answers again. */
  readonly answered: () => void;
}

/** How often the silent ones are tried, in milliseconds. */
const PERIOD = 2_000;

/** Tries hypervisors that do not answer, beside the passes, which leave them alone meanwhile. Ends with the signal. */
export async function trySilentOnes(options: SilentOptions): Promise<void> {
  const { world, clock, signal, lookSeconds, answered } = options;
  const { fleet, hosts, reach, log } = world;
  const { nonce } = clock;
  while (!signal.aborted) {
    await clock.sleep(PERIOD, signal).catch(() => {});
    await Promise.all(
      [...reach.silent.keys()].map(async (name) => {
        const host = hosts.get(name);
        if (!host) return reach.answered(name); // its document is gone
        try {
          await host.look({ fleet, draining: [], freeFence: false, ledger: "", lookSeconds, signal, nonce });
          reach.answered(name);
          answered();
        } catch (error) {
          log.debug({ hypervisor: name, error: String(error) }, "still silent");
        }
      }),
    );
  }
}

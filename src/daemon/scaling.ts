import { asError } from "../api/errors.ts";
import type { Clock } from "../clock/clock.ts";
import { autoscaleController } from "../controllers/autoscale.ts";
import type { AutoscaleResult, World } from "../controllers/controller.ts";
import type { Observation } from "../facts/facts.ts";
import type { Revision } from "../manifests/revision.ts";

export interface ScalingOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly revision: () => Revision;
  /** The last look; undefined before the first. */
  readonly observation: () => Observation | undefined;
  readonly decided: (result: AutoscaleResult, seconds: number) => void;
  readonly trouble: (error: Error) => void;
}

/** With nothing to decide, hypervisors are sampled this often, in milliseconds: where a replica goes depends on it. */
const IDLE = 5_000;
/** Until the first look. */
const BEFORE_LOOK = 200;

/** Samples and decides, each subnet at its own pace. Ends with the signal. */
export async function scale(options: ScalingOptions): Promise<void> {
  const { world, clock, signal, revision, observation, decided, trouble } = options;
  const { reconcile } = autoscaleController(world);
  while (!signal.aborted) {
    let again: number | undefined;
    const seen = observation();
    if (seen !== undefined)
      try {
        const began = clock.now();
        const pass = { revision: revision(), observation: seen, signal, log: world.log };
        const result = await reconcile(
          { only: undefined },
          { ...pass, now: clock.now, fresh: clock.incarnation },
        );
        again = result.again;
        decided(result, (clock.now() - began) / 1000);
      } catch (error) {
        if (!signal.aborted) trouble(asError(error));
      }
    const idle = seen === undefined ? BEFORE_LOOK : IDLE;
    const wait = again === undefined ? idle : Math.max(again - clock.now(), 0);
    await clock.sleep(wait, signal).catch(() => {});
  }
}

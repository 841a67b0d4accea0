import type { HypervisorName, TenantName } from "../api/names.ts";
import type { Clock } from "../clock/clock.ts";
import type { World } from "../controllers/controller.ts";
import type { Host } from "../hosts/host.ts";

export interface ListeningOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly heard: (tenant: TenantName) => void;
}

/** Before what did not answer is asked again, in milliseconds. */
const PAUSE = 1_000;

/** Listens to every hypervisor that answers, as they come and go with the manifests. Ends with the signal. */
export async function listenToAll({ world, clock, signal, heard }: ListeningOptions): Promise<void> {
  const { fleet, hosts, reach, log } = world;
  const listeners = new Map<HypervisorName, { readonly host: Host; readonly listening: Promise<void> }>();
  while (!signal.aborted) {
    for (const [name, host] of hosts) {
      if (listeners.get(name)?.host === host || reach.silence(name)) continue;
      listeners.set(name, { host, listening: goOn(name, host) });
    }
    await clock.sleep(PAUSE, signal).catch(() => {});
  }
  await Promise.all([...listeners.values()].map(({ listening }) => listening));

  async function goOn(name: HypervisorName, host: Host): Promise<void> {
    while (!signal.aborted && hosts.get(name) === host) {
      try {
        if (reach.silence(name)) await clock.sleep(PAUSE, signal);
        else await host.listen({ fleet, signal, heard });
      } catch (error) {
        log.debug({ hypervisor: name, error: String(error) }, "not listening");
        await clock.sleep(PAUSE, signal).catch(() => {});
      }
    }
  }
}

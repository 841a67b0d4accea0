import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { Reading, Readings } from "../load/samples.ts";
import type { Host } from "./host.ts";
import type { SampleOptions } from "./sample.ts";

/** Samples hypervisors side by side, and tells why some gave no sample. */
export async function sampleAll(
  hosts: readonly Host[],
  options: SampleOptions,
): Promise<{ readings: Readings; failures: ReadonlyMap<HypervisorName, EvenkeelError> }> {
  const readings = new Map<HypervisorName, Reading>();
  const failures = new Map<HypervisorName, EvenkeelError>();
  await Promise.all(
    hosts.map(async (host) => {
      try {
        readings.set(host.name, await host.sample(options));
      } catch (error) {
        if (!(error instanceof EvenkeelError)) throw error;
        failures.set(host.name, error);
      }
    }),
  );
  return { readings, failures };
}

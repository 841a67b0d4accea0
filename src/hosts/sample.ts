import { EvenkeelError } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import { cpuScript, parseCpu } from "../load/cpu.ts";
import { type Reading, readingOf } from "../load/samples.ts";
import type { Host } from "./host.ts";

/** How one hypervisor is sampled. */
export interface SampleOptions {
  readonly fleet: FleetName;
  /** Deadline; whole seconds, at least 1. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly nonce: () => string;
}

/**
 * Reads the counters of a hypervisor and of the fleet's replicas there: one exec, and beside it Docker's list over the
 * same connection, which tells whose container is whose.
 * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-DOCKER, EK-LOOK-INCOMPLETE: then there is no sample, which is
 *   not a load of zero
 */
export async function sample(host: Host, { fleet, seconds, signal, nonce }: SampleOptions): Promise<Reading> {
  const mark = nonce();
  const [{ state, code, stdout, stderr }, containers] = await Promise.all([
    host.run(cpuScript(mark), { deadlineSeconds: seconds, signal }),
    host.containers.list(signal),
  ]);
  if (state === "unknown" || code !== 0)
    throw new EvenkeelError(
      "EK-LOOK-INCOMPLETE",
      `the load of ${host.name} could not be read: ${stderr.trim().slice(0, 300) || `exit ${code}`}`,
    );
  return readingOf(parseCpu(host.name, stdout, mark), containers, fleet);
}

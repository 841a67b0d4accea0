import { EvenkeelError } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import { dockerPresence } from "../facts/script.ts";
import { cpuScript, parseCpu } from "../load/cpu.ts";
import { collectdScript, parseCollectd } from "../load/collectd.ts";
import { parseSteal, stealScript } from "../load/steal.ts";
import { type Reading, readingOf } from "../load/samples.ts";
import { GivenUp, within } from "./deadline.ts";
import type { Shell } from "./shell.ts";

/** How one hypervisor is sampled. */
export interface SampleOptions {
  readonly fleet: FleetName;
  /** Deadline, on both sides; whole seconds, at least 1. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly nonce: () => string;
}

/**
 * Reads the counters of a hypervisor and of the fleet's replicas there: one exec, and beside it Docker's list over the
 * same connection, which tells whose container is whose. A virtual machine tells by its name.
 * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-DOCKER, EK-LOOK-INCOMPLETE: then there is no sample, which is
 *   not a load of zero
 */
export async function sample(
  shell: Shell,
  { fleet, seconds, signal, nonce }: SampleOptions,
): Promise<Reading> {
  const mark = nonce();
  try {
    return await within({ seconds, signal }, async (stop) => {
      const [{ state, code, stdout, stderr }, containers] = await Promise.all([
        shell.run(`${dockerPresence}${stealScript(fleet)}${collectdScript(fleet)}${cpuScript(mark)}`, {
          deadlineSeconds: seconds,
          signal: stop,
        }),
        shell.containers.list(stop).catch(trouble),
      ]);
      if (state === "unknown" || code !== 0)
        throw new EvenkeelError(
          "EK-LOOK-INCOMPLETE",
          `the load of ${shell.name} could not be read: ${stderr.trim().slice(0, 300) || `exit ${code}`}`,
        );
      const reading = parseCpu(shell.name, stdout, mark);
      if (containers instanceof EvenkeelError && !/^none$/m.test(stdout)) throw containers;
      const listed = containers instanceof EvenkeelError ? [] : containers;
      return readingOf(reading, {
        containers: listed,
        machines: parseSteal(stdout),
        figures: parseCollectd(stdout),
        fleet,
      });
    });
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    const message = `the load of ${shell.name} could not be read: ${error.message}`;
    throw new EvenkeelError("EK-HOST-UNREACHABLE", message, { cause: error });
  }
}

/** What a call that failed said, for those whom it may not concern. */
function trouble(error: unknown): EvenkeelError {
  if (error instanceof EvenkeelError) return error;
  throw error;
}

import { asError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { BastionFiles } from "../daemon/bastion-files.ts";
import type { Live } from "../daemon/live.ts";
import { StateFiles } from "../ledger/state-files.ts";
import { coloursFor, describeError } from "./problems.ts";
import type { Session } from "./session.ts";
import { tell } from "./streams.ts";

/**
 * Leaves every tenant's state where a daemon keeps it: in its file, and on its bastion. What goes wrong with that is told,
 * and fails nothing.
 * @param signal ends it at once
 */
export async function writeStates(
  { world, revision, stateDirectory }: Session,
  live: Live,
  signal: AbortSignal,
): Promise<void> {
  const states = live.states(revision, systemClock.now()) ?? [];
  const places = [new StateFiles(stateDirectory), new BastionFiles(world, signal)];
  await Promise.all(
    places.map((place) =>
      place
        .write(states)
        .catch((error: unknown) => tell(describeError(asError(error), coloursFor(process.stderr)))),
    ),
  );
}

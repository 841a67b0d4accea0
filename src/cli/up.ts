import { type HypervisorName, trusted } from "../api/names.ts";
import { begin } from "./begin.ts";
import { parseWishes } from "./select.ts";
import type { SessionOptions } from "./session.ts";
import { answer, sameDirectory } from "./streams.ts";
import { isHeldDown, mustBeKnown, parseTarget, titleOf } from "./target.ts";

export interface UpOptions extends SessionOptions {
  readonly namespace?: string;
}

/** `reconcile up`: lifts the hold of `down`, or of `drain`. Touches no hypervisor. */
export async function up(word: string, directory: string, options: UpOptions): Promise<number> {
  const [wish] = word.includes("/") ? parseWishes([word]) : [];
  if (wish?.kind === "hypervisors" && wish.name !== undefined)
    return fill(trusted(wish.name), directory, options);
  const target = parseTarget(word, options.namespace);
  const session = await begin(directory, options, { hold: "or-instruct" });
  try {
    const { ledger } = session.world;
    mustBeKnown(target, session.revision, ledger.state);
    if (!isHeldDown(ledger.state, target)) {
      answer(`${titleOf(target)} is not held down.\n`);
      return 0;
    }
    await session.say({ say: "up", target });
    const next = session.hasDaemon
      ? "The daemon brings it up."
      : `Next: reconcile --once${sameDirectory(directory)}`;
    answer(`${titleOf(target)} is no longer held down.\n${next}\n`);
    return 0;
  } finally {
    await session.close();
  }
}

/** Lets a hypervisor be used again that `drain` keeps empty. */
async function fill(name: HypervisorName, directory: string, options: UpOptions): Promise<number> {
  const session = await begin(directory, options, { hold: "or-instruct" });
  try {
    if (!session.world.ledger.state.drained?.includes(name)) {
      answer(`${name} is not kept empty.\n`);
      return 0;
    }
    await session.say({ say: "fill", hypervisor: name });
    answer(`${name} may be used again: replicas that come from now on may stand there.\n`);
    return 0;
  } finally {
    await session.close();
  }
}

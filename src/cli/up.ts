import { begin } from "./begin.ts";
import type { SessionOptions } from "./session.ts";
import { answer, sameDirectory } from "./streams.ts";
import { isHeldDown, mustBeKnown, parseTarget, titleOf } from "./target.ts";

export interface UpOptions extends SessionOptions {
  readonly namespace?: string;
}

/** `reconcile up`: lifts the hold of `down`. Touches no hypervisor. */
export async function up(word: string, directory: string, options: UpOptions): Promise<number> {
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

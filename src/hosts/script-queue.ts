import pLimit from "p-limit";
import { GivenUp, within } from "./deadline.ts";
import type { ScriptResult } from "./shell.ts";
import { Output } from "./script.ts";

/** Scripts at once on one hypervisor; the rest wait. sshd allows 10 sessions a connection, and streams need some. */
const SCRIPTS_AT_ONCE = 4;

/** The places for scripts of one hypervisor. */
export class ScriptQueue {
  readonly #places = pLimit(SCRIPTS_AT_ONCE);

  /** Runs when a place is free. Called off, it answers at once with an unknown result, queued or not. */
  async run(signal: AbortSignal, script: () => Promise<ScriptResult>): Promise<ScriptResult> {
    try {
      return await within({ signal }, (stop) =>
        this.#places(() => (stop.aborted ? new Output().unknown("called off") : script())),
      );
    } catch (error) {
      if (error instanceof GivenUp) return new Output().unknown(error.message);
      throw error;
    }
  }
}

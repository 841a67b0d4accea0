import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { asError, EvenkeelError } from "../api/errors.ts";
import type { TenantState } from "../status/state.ts";
import { stateTexts, WrittenStates } from "../status/state-texts.ts";

/**
 * Each tenant's state in files of its own, for programs that poll: `snapshots/t2.json` in the state directory, and
 * `t2.legacy.json` beside it. A reader finds a file whole, as it was or as it is.
 */
export class StateFiles {
  readonly #directory: string;
  readonly #written = new WrittenStates();

  /** @param stateDirectory held by this process */
  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, "snapshots");
  }

  /**
   * Brings the files up to date, and removes those of tenants that are not among them.
   * @throws EvenkeelError EK-STATE-WRITE
   */
  async write(states: readonly TenantState[]): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await this.#removeOthers(new Set(states.map(({ metadata }) => metadata.name)));
      // One after the other: there is no hurry, and everything else has its turn in between.
      // oxlint-disable-next-line no-await-in-loop
      for (const state of states) await this.#writeOne(state);
    } catch (error) {
      throw new EvenkeelError("EK-STATE-WRITE", `${this.#directory}: ${asError(error).message}`, {
        cause: error,
        fix: "make room on that disk",
      });
    }
  }

  async #writeOne(state: TenantState): Promise<void> {
    const { name } = state.metadata;
    if (!this.#written.isDue(name, state)) return;
    // oxlint-disable-next-line no-await-in-loop
    for (const [ending, text] of stateTexts(state))
      await writeFileAtomic(join(this.#directory, name + ending), text, { mode: 0o600, fsync: false });
    this.#written.wrote(name, state);
  }

  async #removeOthers(tenants: ReadonlySet<string>): Promise<void> {
    this.#written.keep(tenants);
    const there = await readdir(this.#directory);
    const gone = there.filter((file) => {
      const [, tenant] = /^([a-z0-9-]+)(?:\.legacy)?\.json$/.exec(file) ?? [];
      return tenant !== undefined && !tenants.has(tenant);
    });
    await Promise.all(gone.map((file) => rm(join(this.#directory, file), { force: true })));
  }
}

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { asError, EvenkeelError } from "../api/errors.ts";
import { legacyState } from "../status/legacy-state.ts";
import type { TenantState } from "../status/state.ts";

/** What has not changed is written again after this long, in milliseconds, so that its time says that somebody keeps it. */
const STALE = 30_000;

/** A tenant's file, and the same in the predecessor's format. */
const FORMATS: Readonly<Record<string, (state: TenantState) => object>> = {
  ".json": (state) => state,
  ".legacy.json": legacyState,
};

/**
 * Each tenant's state in files of its own, for programs that poll: `snapshots/t2.json` in the state directory, and
 * `t2.legacy.json` beside it. A reader finds a file whole, as it was or as it is.
 */
export class StateFiles {
  readonly #directory: string;
  /** What was last written of each tenant, without its time, and that time. */
  readonly #written = new Map<string, { readonly text: string; readonly at: number }>();

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
    const text = JSON.stringify({ ...state, time: "" });
    const at = Date.parse(state.time);
    const before = this.#written.get(name);
    if (before?.text === text && at - before.at < STALE) return;
    // One after the other, so that the second never tells more than the first.
    // oxlint-disable-next-line no-await-in-loop
    for (const [ending, show] of Object.entries(FORMATS))
      await writeFileAtomic(
        join(this.#directory, name + ending),
        `${JSON.stringify(show(state), undefined, 2)}\n`,
        { mode: 0o600, fsync: false },
      );
    this.#written.set(name, { text, at });
  }

  async #removeOthers(tenants: ReadonlySet<string>): Promise<void> {
    for (const name of this.#written.keys()) if (!tenants.has(name)) this.#written.delete(name);
    const there = await readdir(this.#directory);
    const gone = there.filter((file) => {
      const [, tenant] = /^([a-z0-9-]+)(?:\.legacy)?\.json$/.exec(file) ?? [];
      return tenant !== undefined && !tenants.has(tenant);
    });
    await Promise.all(gone.map((file) => rm(join(this.#directory, file), { force: true })));
  }
}

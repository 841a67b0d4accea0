import { type FSWatcher, watch } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import { watch as watchFolders } from "chokidar";
import { asError } from "../api/errors.ts";
import { type Clock, systemClock } from "../clock/clock.ts";
import { gitDirectoryOf } from "./git.ts";
import { watchWay } from "./way.ts";

/** Changes come in bursts: a hint is given when nothing has changed for this long … */
const QUIET_MILLISECONDS = 200;
/** … and at the latest this long after the first change. */
const LATEST_MILLISECONDS = 2_000;

export interface WatchOptions {
  readonly clock?: Clock;
  /** Told when something cannot be watched, such as when the kernel's watches are used up. Hints may then be missing. */
  readonly onTrouble?: (error: Error) => void;
}

export interface TreeWatch {
  close(): Promise<void>;
}

/**
 * Watches a tree of manifests, and the commit that it is checked out at, and calls `onHint` when it is worth reading the
 * tree again. A hint and no more: it does not say what has changed, may come without need, and may be lost. Whoever is
 * hinted reads the whole tree, and reads it from time to time without a hint too, so that a lost one is only a delay.
 * Goes on across all that may happen to the directory: it is replaced, removed and made again, or a link on the way to it
 * is pointed elsewhere. Resolves when it watches; the directory need not exist.
 */
export async function watchTree(
  directory: string,
  onHint: () => void,
  options: WatchOptions = {},
): Promise<TreeWatch> {
  const watcher = new Watcher(directory, onHint, options);
  await watcher.follow();
  return watcher;
}

class Watcher implements TreeWatch {
  readonly #directory: string;
  readonly #onHint: () => void;
  readonly #clock: Clock;
  readonly #onTrouble: (error: Error) => void;
  /** What ends the watching of where the path led last. */
  #endings: (() => Promise<void>)[] = [];
  /** Whether the path may lead elsewhere by now. */
  #isLost = false;
  #firstChange: number | undefined;
  #cancel: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(directory: string, onHint: () => void, options: WatchOptions) {
    const { clock = systemClock, onTrouble = () => {} } = options;
    this.#directory = directory;
    this.#onHint = onHint;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  /** Watches what the path leads to now. */
  async follow(): Promise<void> {
    this.#isLost = false;
    const before = this.#endings;
    this.#endings = [];
    await Promise.all(before.map((end) => end()));
    // The way first: what changes on it from now on is noticed.
    const lost = (): void => {
      this.#isLost = true;
      this.#changed();
    };
    const leaveWay = await watchWay(this.#directory, lost, this.#onTrouble);
    this.#endings.push(async () => leaveWay());
    const root = await realpath(this.#directory).catch(() => undefined);
    if (root === undefined) return;
    await this.#watchTree(root);
    await this.#watchGit(root);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#working;
    await Promise.all(this.#endings.map((end) => end()));
  }

  async #watchTree(root: string): Promise<void> {
    const watcher = watchFolders(root, {
      ignoreInitial: true,
      // A link out of the tree is refused where it is read; it must not be followed to the end of the world here.
      followSymlinks: false,
      ignored: (path) => path !== root && basename(path).startsWith("."),
    });
    this.#endings.push(() => watcher.close());
    watcher.on("all", this.#changed);
    watcher.on("error", (error) => this.#onTrouble(asError(error)));
    await new Promise<void>((resolve) => {
      watcher.once("ready", resolve);
    });
  }

  /** With each commit, checkout, merge or rebase git makes and removes files at the top of its directory. */
  async #watchGit(root: string): Promise<void> {
    const directory = await gitDirectoryOf(root);
    if (directory === undefined) return;
    try {
      const watcher: FSWatcher = watch(directory, this.#changed);
      watcher.on("error", this.#onTrouble);
      this.#endings.push(async () => watcher.close());
    } catch (error) {
      this.#onTrouble(asError(error));
    }
  }

  readonly #changed = (): void => {
    if (this.#isClosed) return;
    const now = this.#clock.now();
    this.#firstChange ??= now;
    const left = this.#firstChange + LATEST_MILLISECONDS - now;
    this.#cancel?.();
    this.#cancel = this.#clock.schedule(this.#due, Math.max(0, Math.min(QUIET_MILLISECONDS, left)));
  };

  readonly #due = (): void => {
    this.#firstChange = undefined;
    this.#working = this.#hint(this.#working);
  };

  async #hint(before: Promise<void>): Promise<void> {
    await before;
    try {
      if (this.#isLost && !this.#isClosed) await this.follow();
    } catch (error) {
      this.#onTrouble(asError(error));
    }
    if (!this.#isClosed) this.#onHint();
  }
}

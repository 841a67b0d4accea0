import { type FileHandle, open, rename, rm, writeFile } from "node:fs/promises";
import { codeOf } from "../api/errors.ts";
import { filesIn, latestIn, LARGEST_FILE } from "./files.ts";
import { type HistoryRecord, isSame, type Kept } from "./record.ts";

/** What repeats itself is shown to readers this often, in milliseconds: between two looks of theirs, and not each time. */
const LATEST_MILLISECONDS = 5_000;

export interface HistoryOptions {
  /** Bytes after which a file is put aside. */
  readonly largestFile?: number;
}

/**
 * The history of a fleet in its state directory: one JSON object a line, appended to by the one process that holds the
 * directory, while others may read. It is not synced to the disk each time: a crash of the machine may lose the last
 * seconds, which the ledger does not depend on.
 */
export class History {
  readonly #directory: string;
  readonly #largestFile: number;
  /** What happened last to each object, and whether the file says so yet. */
  readonly #last = new Map<string, { record: Kept; written: number }>();
  readonly #begun: string;
  #series = 0;
  /** When readers were last told of what repeats itself. */
  #latestAt = Number.NEGATIVE_INFINITY;
  #file: FileHandle;
  #size: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    directory: string,
    file: FileHandle,
    size: number,
    options: Required<HistoryOptions>,
    begun: string,
  ) {
    this.#directory = directory;
    this.#file = file;
    this.#size = size;
    this.#largestFile = options.largestFile;
    this.#begun = begun;
  }

  /**
   * @param directory held by this process
   * @param nonce a word that no other history of this directory was opened with
   */
  static async open(directory: string, nonce: string, options: HistoryOptions = {}): Promise<History> {
    const [file, size] = await openToAppend(directory);
    const { largestFile = LARGEST_FILE } = options;
    return new History(directory, file, size, { largestFile }, nonce);
  }

  /**
   * Keeps a record. One that repeats the object's last is counted, and appended when its count has doubled or something
   * else happens to the object; until then it stands in a file of what came last. Resolves when it is in a file, where it
   * is written.
   */
  async append(record: HistoryRecord): Promise<void> {
    const last = this.#last.get(record.object);
    if (last && isSame(last.record, record)) {
      const count = last.record.count + 1;
      last.record = { ...last.record, ...record, count };
      if (count >= last.written * 2) await this.#keep(last);
      else await this.#keepLatest(record.time);
      return;
    }
    const counted = last && last.written < last.record.count ? [this.#keep(last)] : [];
    this.#series += 1;
    const series = `${this.#begun}-${this.#series}`;
    const next = { record: { ...record, series, count: 1, first: record.time }, written: 0 };
    this.#last.set(record.object, next);
    await Promise.all([...counted, this.#keep(next)]);
  }

  /** Writes counts that are not in the file yet, and ends. */
  async close(): Promise<void> {
    const uncounted = [...this.#last.values()].filter(({ record, written }) => written < record.count);
    try {
      await Promise.all([this.#writing, ...uncounted.map((last) => this.#keep(last))]);
      await rm(latestIn(this.#directory), { force: true });
    } finally {
      await this.#file.close();
    }
  }

  #keep(last: { record: Kept; written: number }): Promise<void> {
    last.written = last.record.count;
    const line = `${JSON.stringify(last.record)}\n`;
    this.#writing = this.#write(this.#writing, line);
    return this.#writing;
  }

  async #keepLatest(now: number): Promise<void> {
    if (now - this.#latestAt < LATEST_MILLISECONDS) return;
    this.#latestAt = now;
    const uncounted = [...this.#last.values()].filter(({ record, written }) => written < record.count);
    const lines = uncounted.map(({ record }) => `${JSON.stringify(record)}\n`).join("");
    this.#writing = replace(this.#writing, latestIn(this.#directory), lines);
    await this.#writing;
  }

  async #write(before: Promise<void>, line: string): Promise<void> {
    // Whoever wrote that has been told.
    await before.catch(() => {});
    const length = Buffer.byteLength(line);
    if (this.#size > 0 && this.#size + length > this.#largestFile) await this.#rotate();
    await this.#file.appendFile(line);
    this.#size += length;
  }

  /** Puts the file aside, and lets the oldest go. */
  async #rotate(): Promise<void> {
    const files = filesIn(this.#directory);
    await this.#file.close();
    for (let age = files.length - 1; age > 0; age -= 1) {
      const [from = "", to = ""] = files.slice(age - 1, age + 1);
      // The oldest first, or they would overwrite each other.
      // oxlint-disable-next-line no-await-in-loop
      await rename(from, to).catch(ignoreMissing);
    }
    [this.#file, this.#size] = await openToAppend(this.#directory);
  }
}

/** A reader finds the file as it was or as it is. */
async function replace(before: Promise<void>, path: string, text: string): Promise<void> {
  // Whoever wrote that has been told.
  await before.catch(() => {});
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function openToAppend(directory: string): Promise<[FileHandle, number]> {
  const [path = ""] = filesIn(directory);
  const file = await open(path, "a+", 0o600);
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
  if (size === 0 || buffer.toString() === "\n") return [file, size];
  // Whoever wrote the last line did not get to its end.
  await file.appendFile("\n");
  return [file, size + 1];
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== "ENOENT") throw error;
}

import { type FileHandle, open, readFile } from "node:fs/promises";
import { codeOf } from "../api/errors.ts";
import { filesIn, latestIn } from "./files.ts";
import { type Kept, parseLine } from "./record.ts";

/** What is asked for; all of it when nothing is said. */
export interface Question {
  /** Milliseconds since the epoch: what last happened before is left out. */
  readonly since?: number;
  /** Milliseconds since the epoch: everything is as it was known then. */
  readonly until?: number;
  readonly kind?: Kept["kind"];
  /** Which objects. */
  readonly isAbout?: (object: string) => boolean;
  /** At most so many, the newest. */
  readonly last?: number;
}

/**
 * Reads a history while it may be written to, the newest record first; what repeated itself comes once, as it was last
 * counted. Lines that are torn are passed over, files that are not there are empty.
 */
export async function* readNewestFirst(directory: string, question: Question = {}): AsyncGenerator<Kept> {
  const {
    since = Number.NEGATIVE_INFINITY,
    until = Number.POSITIVE_INFINITY,
    kind,
    isAbout = () => true,
    last = Number.POSITIVE_INFINITY,
  } = question;
  const seen = new Set<string>();
  const latest = await latestBySeries(directory, until);
  let left = last;
  for await (const lines of linesNewestFirst(directory)) {
    for (const line of lines.toReversed()) {
      const counted = parseLine(line);
      if (counted === undefined || counted.time > until || seen.has(counted.series)) continue;
      seen.add(counted.series);
      const later = latest.get(counted.series);
      const record = later && later.count > counted.count ? later : counted;
      if (record.time < since || (kind !== undefined && record.kind !== kind)) continue;
      if (!isAbout(record.object)) continue;
      if (left <= 0) return;
      left -= 1;
      yield record;
    }
  }
}

/** The same with the newest last, as a log reads. */
export async function readOldestFirst(directory: string, question: Question = {}): Promise<readonly Kept[]> {
  const records: Kept[] = [];
  for await (const record of readNewestFirst(directory, question)) records.push(record);
  return records.toReversed();
}

/** What has repeated itself since it was last counted in a file. */
async function latestBySeries(directory: string, until: number): Promise<ReadonlyMap<string, Kept>> {
  const text = await readFile(latestIn(directory), "utf8").catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
    return "";
  });
  const records = text.split("\n").flatMap((line) => parseLine(line) ?? []);
  return new Map(records.filter(({ time }) => time <= until).map((record) => [record.series, record]));
}

/** The lines of one file after the other, those of the newest first. */
async function* linesNewestFirst(directory: string): AsyncGenerator<readonly string[]> {
  const files = await openAll(directory);
  try {
    for (const file of files) {
      // One at a time: together they may be large.
      // oxlint-disable-next-line no-await-in-loop
      yield (await file.readFile("utf8")).split("\n");
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/**
 * Opens all files, the newest first: one that is put aside meanwhile is then met a second time, where what it holds is known
 * already, and not missed.
 */
async function openAll(directory: string): Promise<readonly FileHandle[]> {
  const files: FileHandle[] = [];
  for (const path of filesIn(directory)) {
    // In this order, see above.
    // oxlint-disable-next-line no-await-in-loop
    const file = await open(path).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    if (file) files.push(file);
  }
  return files;
}

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { events, type EventsOptions } from "../../src/cli/events.ts";
import { describeEvents } from "../../src/cli/events-text.ts";
import { readNewestFirst, readOldestFirst } from "../../src/history/read.ts";
import type { HistoryRecord, Kept } from "../../src/history/record.ts";
import { History } from "../../src/history/write.ts";
import { write } from "./manifests-tree.ts";

const made: string[] = [];
afterAll(() => made.forEach((directory) => rmSync(directory, { recursive: true })));
const stateDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-history-"));
  made.push(directory);
  return directory;
};

const record = (time: number, message: string, change: Partial<HistoryRecord> = {}): HistoryRecord => ({
  time,
  kind: "event",
  type: "Normal",
  object: "subnet/t2/web",
  reason: "Progressing",
  message,
  ...change,
});

async function written(records: readonly HistoryRecord[], largestFile?: number): Promise<string> {
  const directory = stateDirectory();
  const history = await History.open(directory, "a", largestFile === undefined ? {} : { largestFile });
  for (const one of records) await history.append(one);
  await history.close();
  return directory;
}
const short = ({ time, message, count }: Kept): string =>
  `${time} ${message}${count > 1 ? ` ×${count}` : ""}`;
const read = async (directory: string, question = {}) =>
  (await readOldestFirst(directory, question)).map(short);

describe("a history", () => {
  test("is read oldest first and newest first, with what was asked for", async () => {
    const directory = await written([
      record(1, "a"),
      record(2, "b", { kind: "decision", data: { load: 0.3 } }),
      record(3, "c", { object: "hypervisor/hv2" }),
      record(4, "d"),
    ]);
    expect(await read(directory)).toEqual(["1 a", "2 b", "3 c", "4 d"]);
    const newest: string[] = [];
    for await (const one of readNewestFirst(directory)) newest.push(short(one));
    expect(newest).toEqual(["4 d", "3 c", "2 b", "1 a"]);
    expect(await read(directory, { since: 3 })).toEqual(["3 c", "4 d"]);
    expect(await read(directory, { kind: "event", last: 2 })).toEqual(["3 c", "4 d"]);
    expect(await read(directory, { isAbout: (object: string) => object.startsWith("hyper") })).toEqual([
      "3 c",
    ]);
    expect((await readOldestFirst(directory))[1]).toMatchObject({ data: { load: 0.3 } });
    expect(await read(stateDirectory())).toEqual([]);
  });

  test("counts what repeats itself, whatever happens to other objects, and begins anew after something else", async () => {
    const repeated = Array.from({ length: 100 }, (_, index) => [
      record(index, "again", { data: index }),
      record(index, `other ${index}`, { object: "subnet/t2/db" }),
    ]);
    const directory = await written([...repeated.flat(), record(200, "else"), record(201, "again")]);
    const isAbout = (object: string): boolean => object === "subnet/t2/web";
    expect(await read(directory, { isAbout })).toEqual(["99 again ×100", "200 else", "201 again"]);
    const [first] = await readOldestFirst(directory, { isAbout });
    expect(first).toMatchObject({ first: 0, data: 99 });
    // 1, 2, 4 … 64 and 100, not a line each
    const lines = readFileSync(join(directory, "history.jsonl"), "utf8").split("\n");
    expect(lines.filter((line) => line.includes("again"))).toHaveLength(9);
  });

  test("writes the last count down when it ends, and goes on in another process", async () => {
    const directory = await written([record(1, "a"), record(2, "a"), record(3, "a")]);
    expect(await read(directory)).toEqual(["3 a ×3"]);
    const history = await History.open(directory, "b");
    await history.append(record(4, "a"));
    await history.close();
    expect(await read(directory)).toEqual(["3 a ×3", "4 a"]);
  });

  test("shows those who read how often it was so up to now, though that is not in its files yet", async () => {
    const directory = stateDirectory();
    const history = await History.open(directory, "a");
    for (let second = 0; second <= 60; second += 5)
      await history.append(record(second * 1000, "again", { data: second }));
    expect(await read(directory)).toEqual(["60000 again ×13"]);
    expect((await readOldestFirst(directory))[0]).toMatchObject({ first: 0, data: 60 });
    for (const time of [65_000, 70_000, 75_000]) await history.append(record(time, "again"));
    expect(await read(directory)).toEqual(["75000 again ×16"]);
    await history.append(record(80_000, "else"));
    expect(await read(directory)).toEqual(["75000 again ×16", "80000 else"]);
    await history.close();
    expect(readdirSync(directory)).toEqual(["history.jsonl"]);
  });

  test("tells what was known at a moment", async () => {
    const directory = await written([1, 2, 3, 4, 5].map((time) => record(time, "again")));
    expect(await read(directory, { until: 3 })).toEqual(["2 again ×2"]);
    expect(await read(directory, { until: 1 })).toEqual(["1 again"]);
    expect(await read(directory, { until: 0 })).toEqual([]);
  });

  test("survives a last line that is torn, and lines that are none", async () => {
    const directory = await written([record(1, "a")]);
    appendFileSync(join(directory, "history.jsonl"), 'null\n{"time":3}\n{"time":2,"kind":"ev');
    expect(await read(directory)).toEqual(["1 a"]);
    const history = await History.open(directory, "b");
    await history.append(record(3, "c"));
    await history.close();
    expect(await read(directory)).toEqual(["1 a", "3 c"]);
  });

  test("stays below its bound, loses the oldest alone, and nobody else may read it", async () => {
    const many = Array.from({ length: 300 }, (_, index) => record(index, `message ${index}`));
    const directory = await written(many, 4000);
    const files = readdirSync(directory).toSorted();
    expect(files).toEqual(["history.jsonl", "history.jsonl.1", "history.jsonl.2", "history.jsonl.3"]);
    for (const file of files) {
      const { size, mode } = statSync(join(directory, file));
      expect(size).toBeLessThanOrEqual(4000);
      expect(mode & 0o777).toBe(0o600);
    }
    const left = await readOldestFirst(directory);
    expect(left.map(({ time }) => time)).toEqual(many.slice(-left.length).map(({ time }) => time));
    expect(left.length).toBeGreaterThan(50);
  });

  test("is whole to who reads while it is written and put aside", async () => {
    const directory = stateDirectory();
    const history = await History.open(directory, "a", { largestFile: 6000 });
    for (let round = 0; round < 20; round += 1) {
      const writing = Promise.all(
        Array.from({ length: 10 }, (_, index) => history.append(record(round, `${round} ${index}`))),
      );
      const times = (await readOldestFirst(directory)).map(({ message }) => message);
      await writing;
      const all = Array.from({ length: 10 * (round + 1) }, (_, at) => `${Math.floor(at / 10)} ${at % 10}`);
      // Without a gap: what was read is a piece of what was written.
      const from = all.indexOf(times[0] ?? "");
      expect(times).toEqual(times.length === 0 ? [] : all.slice(from, from + times.length));
    }
    await history.close();
  });
});

describe("reconcile events", () => {
  let printed = "";
  beforeEach(() => {
    printed = "";
    jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      printed += String(chunk);
      return true;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  const now = Date.now();
  const history = [
    record(now - 3_600_000, "long ago"),
    record(now - 60_000, "no answer in 10 s", {
      type: "Warning",
      object: "hypervisor/hv2",
      reason: "HypervisorUnreachable",
    }),
    record(now - 5000, "web-4 is kept", { object: "replica/t2/web-4", reason: "ReplicasKept" }),
    record(now, "of another", { object: "subnet/t1/web" }),
    record(now, "a decision", { kind: "decision" }),
  ];
  const ask = async (word: string | undefined, options: Partial<EventsOptions>): Promise<string> => {
    printed = "";
    const stateDir = await written(history);
    expect(await events(word, { output: "name", manifests: "nowhere", stateDir, ...options })).toBe(0);
    return printed;
  };

  test("shows what was asked for", async () => {
    expect(await ask(undefined, {})).toBe("subnet/t2/web\nhypervisor/hv2\nreplica/t2/web-4\nsubnet/t1/web\n");
    expect(await ask(undefined, { namespace: "t2", since: 300 })).toBe("hypervisor/hv2\nreplica/t2/web-4\n");
    expect(await ask("subnet/web", {})).toBe("subnet/t2/web\nsubnet/t1/web\n");
    expect(await ask("sub/web", { namespace: "t1" })).toBe("subnet/t1/web\n");
    expect(await ask("hv/hv2", {})).toBe("hypervisor/hv2\n");
    expect(await ask("tenant/t9", { output: "table" })).toBe("No events found.\n");
    const { items } = JSON.parse(await ask("replica/web-4", { output: "json" }));
    expect(items).toEqual([
      {
        time: new Date(now - 5000).toISOString(),
        first: new Date(now - 5000).toISOString(),
        kind: "event",
        type: "Normal",
        object: "replica/t2/web-4",
        reason: "ReplicasKept",
        message: "web-4 is kept",
        count: 1,
      },
    ]);
    await expect(events("web", { output: "name", manifests: "x" })).rejects.toMatchObject({
      code: "EK-USAGE",
    });
  });

  test("needs manifests to know whose history is meant, where no state directory is given", async () => {
    await expect(events(undefined, { output: "name", manifests: write({}) })).rejects.toMatchObject({
      code: "EK-MANIFESTS",
    });
  });

  test("reads as lines of at most 80 columns, with nothing that steers a terminal", () => {
    const at = new Date(2026, 10, 24, 14, 21, 12).getTime();
    const kept = (one: HistoryRecord, count = 1): Kept => ({
      ...one,
      series: "a-1",
      count,
      first: at - 600_000,
    });
    const text = describeEvents(
      [
        kept(record(at - 2 * 86_400_000, "long ago")),
        kept({ ...(history[1] ?? record(0, "")), time: at - 41_000 }, 3),
        kept({ ...(history[2] ?? record(0, "")), time: at - 10_000, message: "kept\u{1b}[2J" }),
      ],
      { namespace: "t2", now: at },
    );
    expect(text).toBe(`\
2026-11-22 14:21:12 2d   Normal  Progressing           subnet/web long ago
14:20:31 41s  Warning HypervisorUnreachable hypervisor/hv2 no answer in 10 s (3
  times since 14:11:12)
14:21:02 10s  Normal  ReplicasKept          replica/web-4 kept\u{fffd}[2J
`);
  });
});

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import { type CpuReading, cpuScript, parseCpu } from "../../src/load/cpu.ts";

const HV = trusted<HypervisorName>("hv1");
const A = "a".repeat(64);
const B = "b".repeat(64);
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A host's files, as `test/fixtures/cgroups` has them: `== PATH`, then the content. */
const tree = (layout: string): Map<string, string> =>
  new Map(
    readFileSync(`test/fixtures/cgroups/${layout}.txt`, "utf8")
      .split(/^== /m)
      .slice(1)
      .map((part): [string, string] => {
        const newline = part.indexOf("\n");
        return [part.slice(0, newline), part.slice(newline + 1)];
      }),
  );

/** What the real script, in a real shell, reads out of such files. */
function readingOf(files: ReadonlyMap<string, string>): CpuReading {
  const root = mkdtempSync(join(tmpdir(), "cgroups-"));
  folders.push(root);
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return parseCpu(HV, execFileSync("sh", { input: cpuScript("n1", root), encoding: "utf8" }), "n1");
}

const CONTAINERS = [
  [A, { used: 65_025_000, pid: 4211 }],
  [B, { used: 1_206_000_000, pid: 4390 }],
];
const online = cpus().length;

describe("the CPU counters", () => {
  test.each([
    ["v1", { source: "cgroup-v1", used: 548_011_320, cpus: Math.min(1.5, online) }],
    ["v2-cgroupfs", { source: "cgroup-v2", used: 8_433_779_045_000, cpus: online }],
    ["v2-systemd", { source: "cgroup-v2", used: 8_433_779_045_000, cpus: 0.5 }],
  ])("are found in cgroups as %s has them", (layout, host) => {
    const { containers, ...own } = readingOf(tree(layout));
    expect(own).toEqual({ uptime: 5025.31, ...host });
    expect([...containers]).toEqual(CONTAINERS);
  });

  test("are the kernel's ticks where no cgroup counts, and say so", () => {
    const files = tree("v2-cgroupfs");
    files.delete("sys/fs/cgroup/cpu.stat");
    expect(readingOf(files)).toMatchObject({ source: "proc-stat", used: 15_300_000_000 });
  });

  test.each([
    ["a group that is gone", `sys/fs/cgroup/docker/${A}/cpu.stat`, undefined],
    ["a process that is gone", "proc/4211/cgroup", undefined],
    ["a process in a group of others", "proc/4211/cgroup", "0::/user.slice\n"],
    ["no number", `sys/fs/cgroup/docker/${A}/cpu.stat`, "user_usec 5\n"],
  ])("of %s are none, and never zero", (_what, path, text) => {
    const files = tree("v2-cgroupfs");
    if (text === undefined) files.delete(path);
    else files.set(path, text);
    const { containers } = readingOf(files);
    expect([...containers]).toEqual([[A, undefined], CONTAINERS[1]]);
  });

  test("of a hypervisor without containers are its own alone", () => {
    const files = tree("v1");
    for (const path of [...files.keys()].filter((one) => one.startsWith("run/"))) files.delete(path);
    expect(readingOf(files).containers.size).toBe(0);
  });
});

describe("the output", () => {
  const whole = "uptime 12.5\nused 100 cgroup-v1\nonline 4\nquota max 100000\nend n1\n";
  test("is read whole", () => {
    expect(parseCpu(HV, whole, "n1")).toEqual({
      uptime: 12.5,
      used: 100,
      cpus: 4,
      source: "cgroup-v1",
      containers: new Map(),
    });
  });

  test.each([
    ["cut off", whole.replace("end n1\n", "")],
    ["closed by somebody else", whole.replace("n1", "n2")],
    ["without a clock", whole.replace("uptime 12.5", "uptime")],
    ["with NaN for a counter", whole.replace("used 100", "used NaN")],
    ["with a negative counter", whole.replace("used 100", "used -5")],
    ["without a source", whole.replace(" cgroup-v1", "")],
  ])("that is %s is no reading", (_what, output) => {
    expect(() => parseCpu(HV, output, "n1")).toThrow(expect.objectContaining({ code: "EK-LOOK-INCOMPLETE" }));
  });
});

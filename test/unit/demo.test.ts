import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { contentsOf } from "./contents.ts";

/** Below node_modules, so that packages are found. */
const build = join(process.cwd(), "node_modules", ".cache", "evenkeel", "demo");
const folder = mkdtempSync(join(tmpdir(), "evenkeel-demo-"));
/** Everywhere that a program might leave something. */
const places = join(folder, "places");

/** The same program with a standby that takes nothing. */
const full = `${build}-full`;

beforeAll(() => {
  execFileSync("node", ["hack/build.mjs", build]);
  cpSync(build, full, { recursive: true });
  appendFileSync(join(full, "scene", "tree", "provider", "hv2.yaml"), "  unschedulable: true\n");
  mkdirSync(places);
});
afterAll(() => {
  for (const one of [build, full]) rmSync(one, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly code: number | null;
  /** What it told, without what differs from run to run. */
  readonly lines: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a ledger of root's would be, too. */
const watched = (): string[] => [places, build, "/var/lib/evenkeel/demo"].filter((path) => existsSync(path));

const start = (...words: readonly string[]) => startIn(build, ...words);

function startIn(directory: string, ...words: readonly string[]) {
  const env = { PATH: process.env["PATH"], HOME: places, XDG_STATE_HOME: places, TMPDIR: places };
  const child = spawn("node", [join(directory, "reconcile.js"), "demo", ...words], { cwd: places, env });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const ended = once(child, "close").then(([code]): Run => {
    const lines = said.stdout.split("\n").filter((line) => /^ {2}\S/.test(line));
    return { ...said, code: code as number | null, lines };
  });
  /** Waits until it has said something, or has ended. */
  const hasSaid = async (text: string): Promise<void> => {
    while (child.exitCode === null && !said.stdout.includes(text))
      await Promise.race([once(child.stdout, "data"), ended]);
  };
  return { child, said, ended, hasSaid };
}

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const levelLoad = (cpus: number, seconds: number): string =>
  `load:\n  - {at: 0, cpus: ${cpus}}\n  - {at: ${seconds}, cpus: ${cpus}}\n`;

describe("reconcile demo", () => {
  let before: string;
  let runs: Readonly<Record<"own" | "home" | "flat" | "full", Run>>;

  beforeAll(async () => {
    before = contentsOf(...watched());
    const [own, home, flat, nowhere] = await Promise.all([
      start().ended,
      start("--load", file("home.yaml", levelLoad(0.12, 16))).ended,
      start("--load", file("flat.yaml", levelLoad(0.07, 12))).ended,
      startIn(full).ended,
    ]);
    runs = { own, home, flat, full: nowhere };
  });

  test("tells the whole story of its own load, and ends with 0", () => {
    const { lines, stderr, code } = runs.own;
    expect(lines.map((line) => line.replaceAll(/ {2,}/g, "  ").trim())).toEqual([
      expect.stringMatching(/^✓ onboarded t2: gateway, 2 segments, 2 replicas {2}[\d.]+ s$/),
      expect.stringMatching(/^✓ load [\d.]+ %: 2 → 3, at home \(hv1\) {2}web-3$/),
      expect.stringMatching(/^✓ load [\d.]+ %; hv1: load [\d.]+ % ≥ its max 10 %: 3 → 4, burst to hv2/),
      expect.stringMatching(/^✓ load [\d.]+ %: 4 → 3, drained, 0 of \d+ connections cut, removed/),
      "! hv2 unplugged: nothing deleted, t2 keeps serving from hv1",
      "✓ hv2 back: looked again, no change needed",
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("is shown in the README as it is", () => {
    // Times, ports and how many clients were there differ from run to run.
    const shape = (text: string): string =>
      text
        .replaceAll(/[\d.]+/g, "N")
        .replaceAll(/ +/g, " ")
        .trim();
    const [, shown = ""] = /\$ npx reconcile demo\n([^`]*)```/.exec(readFileSync("README.md", "utf8")) ?? [];
    expect(shape(shown)).toBe(shape(runs.own.stdout));
  });

  test("tells what happened with another load, and nothing else", () => {
    const text = runs.home.lines.join("\n");
    expect(text).toMatch(/✓ load 12 %: 2 → 3, at home \(hv1\)/);
    expect(text).not.toMatch(/burst|drained|3 → 4/);
    expect(runs.home.code).toBe(0);
  });

  test("says of a load that leads to nothing why it does not", () => {
    const text = runs.flat.lines.join("\n");
    expect(text).toMatch(/✓ web stays at 2: cpu 7 %, between 5 % and 10 %; nothing to do\./);
    expect(text).not.toMatch(/→/);
    expect(runs.flat.code).toBe(0);
  });

  test("ends with 1 when something of its own story did not come", () => {
    const { stdout, code } = runs.full;
    expect(stdout).toMatch(/! web stays at 3: .*nowhere to place it/);
    expect(stdout).toMatch(/^ {2}✗ did not come: burst, in$/m);
    expect(code).toBe(1);
  });

  test("keeps within 80 columns, and paints nothing for a pipe", () => {
    for (const { stdout } of Object.values(runs)) {
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      // oxlint-disable-next-line no-control-regex
      expect(stdout).not.toMatch(/\u001b/);
    }
  });

  test("writes nothing anywhere", () => {
    expect(contentsOf(...watched())).toBe(before);
  });
});

describe("a load curve", () => {
  test("that is none is told where and why, and nothing is begun", async () => {
    const path = file("bad.yaml", "load:\n  - {at: 3, cpus: much}\n  - {at: 2, cpu: 1}\n");
    const { code, stdout, stderr } = await start("--load", path).ended;
    const told = [...stderr.matchAll(/^(\S+?):(\d+:\d+): (\S+): /gm)].map((found) => found.slice(1));
    expect(told).toEqual([
      [path, "2:19", "load[0].cpus"],
      [path, "3:5", "load[1].cpus"],
      [path, "3:10", "load[1].at"],
      [path, "3:13", "load[1].cpu"],
    ]);
    expect(stderr).toMatch(/did you mean "cpus"\? +EK-FIELD-UNKNOWN/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test.each([
    ["no YAML", "load: [", /EK-YAML/],
    ["no map", "[]\n", /EK-FIELD-INVALID/],
    ["no points", "load: []\n", /EK-FIELD-INVALID/],
    ["no number", "load: [{at: .nan, cpus: 1}]\n", /EK-FIELD-INVALID/],
  ])("with %s is refused", async (_, text, code) => {
    const run = await start("--load", file("odd.yaml", text)).ended;
    expect(run.stderr).toMatch(code);
    expect(run.code).toBe(1);
  });

  test("that cannot be read is a mistake of the command line", async () => {
    const { code, stderr } = await start("--load", join(folder, "none.yaml")).ended;
    expect(stderr).toMatch(/none\.yaml cannot be read: ENOENT\s+\[EK-USAGE\]/);
    expect(code).toBe(1);
  });
});

describe("a signal", () => {
  test("ends what has not come to its end with 130", async () => {
    const { child, ended, hasSaid } = start();
    await hasSaid("onboarded");
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    expect(stderr).toMatch(/^SIGINT: ended/);
    expect(stdout).not.toMatch(/Done/);
    expect(code).toBe(130);
  });

  test("is the ordinary end of --stay, which serves metrics until then", async () => {
    const path = file("short.yaml", levelLoad(0.07, 8));
    const { child, said, ended, hasSaid } = start("--stay", "--load", path);
    await hasSaid("Done");
    const [url = ""] = /http:\S+/.exec(said.stdout) ?? [];
    const metrics = await (await fetch(url)).text();
    expect(metrics).toMatch(/^evenkeel_subnet_replicas\{.*tenant="t2".*\} 2$/m);
    const ready = await fetch(url.replace("/metrics", "/readyz"));
    expect(ready.status).toBe(200);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
  });
});

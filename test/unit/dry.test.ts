import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { build as bundle } from "esbuild";
import { History } from "../../src/history/write.ts";
import { Stage } from "../simulation/stage.ts";
import { hypervisor, revisionOf, subnet, tenant } from "../simulation/trees.ts";
import { contentsOf } from "./contents.ts";
import { each, NOW, record } from "./decision-values.ts";
import { write } from "./manifests-tree.ts";

/** Below node_modules, so that packages are found. */
const build = join(process.cwd(), "node_modules", ".cache", "evenkeel", "dry");
const folder = mkdtempSync(join(tmpdir(), "evenkeel-dry-"));
const [state, places, asked] = ["state", "places", "asked"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const replicas = (count: number) => ({
  ...hypervisor("hv1", 11),
  ...hypervisor("hv2", 12),
  ...tenant("t2", 10),
  ...subnet("t2", 10, count),
});
/** What stands, and what is asked for: a dry command always has something that it might do. */
const standing = write(replicas(2));
const tree = write(replicas(3));
const load = join(folder, "load.yaml");

beforeAll(async () => {
  for (const directory of [state, places]) mkdirSync(directory);
  writeFileSync(load, "load: [{at: 0, cpus: 0.07}]\n");
  await bundle({
    entryPoints: { reconcile: "src/main.ts" },
    outdir: build,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    plugins: [
      {
        name: "another world",
        setup(building) {
          const world = resolve("test/unit/dry-world.ts");
          building.onResolve({ filter: /hosts\/connections\.ts$|ledger\/file\.ts$/ }, ({ importer }) =>
            importer === world ? undefined : { path: world },
          );
        },
      },
    ],
  });
  // The demo brings its own.
  cpSync("src/demo/scene", join(build, "scene"), { recursive: true });
  await remember();
});
afterAll(() => {
  for (const one of [build, folder, standing, tree]) rmSync(one, { recursive: true, force: true });
});

/** A ledger and a history as a daemon leaves them that has brought about what stands. */
async function remember(): Promise<void> {
  const revision = await revisionOf(replicas(2));
  const reading = { whole: revision, torn: revision };
  const stage = new Stage(reading);
  await stage.act(reading);
  writeFileSync(join(state, "ledger.json"), JSON.stringify(stage.disk.kept));
  const history = await History.open(state, "n");
  const object = "subnet/t2/web";
  const about = { time: NOW, type: "Normal", object } as const;
  await history.append({ ...about, kind: "event", reason: "ScaledOut", message: "2 to 3 replicas" });
  const data = record(each(0.12, 0.12));
  await history.append({ ...about, kind: "decision", reason: "out", message: "2 to 3", data });
  await history.close();
}

interface Dry {
  readonly words: readonly string[];
  readonly code?: number;
  /** Something of its answer, which shows that it has really looked. */
  readonly says: RegExp;
  /** What it asks each hypervisor for. */
  readonly asks?: readonly ("look" | "sample")[];
}

const named = (one: Dry) => [one.words.join(" ").replace(tree, "DIR").replace(load, "FILE"), one] as const;

const questionsOf = ({ asks = [] }: Dry): string[] =>
  ["hv1", "hv2"].flatMap((name) => asks.map((what) => `${what} ${name}`)).toSorted();

const ALL: readonly Dry[] = [
  { words: ["validate", tree], says: /Valid: 2 hypervisors/ },
  { words: ["plan", tree], says: /container\s+web-3@hv1/, asks: ["look"] },
  { words: ["plan", tree, "-o", "json"], says: /"web-3"/, asks: ["look"] },
  { words: ["--once", "--dry-run", tree], says: /container\s+web-3@hv1/, asks: ["look"] },
  { words: ["diff", tree], code: 1, says: /web-3/, asks: ["look"] },
  { words: ["get", "all", "-A", "-f", tree], says: /subnet\/web/, asks: ["look"] },
  { words: ["describe", "subnet/web", "-n", "t2", "-f", tree], says: /web/, asks: ["look"] },
  { words: ["describe", "hypervisor/hv1", "-f", tree], says: /hv1/, asks: ["look"] },
  { words: ["graph", tree], says: /web-1 {2}hv1/, asks: ["look"] },
  { words: ["graph", tree, "-o", "svg"], says: /<svg/, asks: ["look"] },
  { words: ["events", "-f", tree], says: /ScaledOut/ },
  { words: ["top", "-f", tree], says: /web-1/, asks: ["sample", "sample"] },
  { words: ["why", "subnet/web", "-n", "t2", "-f", tree], says: /web went from 2 to 3/ },
  { words: ["why", "replica/web-1", "-n", "t2", "-f", tree], says: /web-1/ },
  { words: ["wait", "hypervisor/hv1", "--for", "Ready", "-f", tree], says: /./, asks: ["look"] },
  { words: ["version"], says: /evenkeel/ },
  { words: ["demo", "--load", load], says: /hv2 back/ },
];

async function run(words: readonly string[], stateDirectory = state) {
  const env = {
    PATH: process.env["PATH"],
    HOME: places,
    XDG_STATE_HOME: places,
    XDG_CONFIG_HOME: places,
    TMPDIR: places,
    EVENKEEL_STATE_DIR: stateDirectory,
    DRY_STANDING: standing,
    DRY_ASKED: asked,
  };
  writeFileSync(asked, "");
  const child = spawn("node", [join(build, "reconcile.js"), ...words], { cwd: places, env });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr, asked: readFileSync(asked, "utf8").split("\n").filter(Boolean).toSorted() };
}

describe("a command that changes nothing", () => {
  test("is each tried here, as the program's own list has them", async () => {
    const { stdout } = await run(["--help"]);
    const [, list = ""] = /Commands that change nothing:\n((?: .*\n)+)/.exec(stdout) ?? [];
    const names = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name);
    const tried = new Set(ALL.flatMap(({ words: [name = ""] }) => (name.startsWith("-") ? [] : [name])));
    expect(names.toSorted()).toEqual([...tried].toSorted());
  });

  test.each(ALL.map(named))("looks, and no more: %s", async (_, one) => {
    const { words, code = 0, says } = one;
    const before = contentsOf(state, places, tree, standing, build);
    const done = await run(words);
    expect(done.stderr).not.toMatch(/a dry command wanted/);
    expect({ code: done.code, stderr: done.stderr }).toMatchObject({ code });
    expect(done.stdout).toMatch(says);
    expect(done.asked).toEqual(questionsOf(one));
    expect(contentsOf(state, places, tree, standing, build)).toBe(before);
  });
});

test.each(ALL.filter(({ asks }) => asks?.includes("look")).map(named))(
  "looks, and no more, where nothing is remembered: %s",
  async (_, one) => {
    const none = join(folder, "none");
    const done = await run(one.words, none);
    // It has never met these hypervisors, and does not try them out.
    expect(done.stderr).not.toMatch(/a dry command wanted/);
    expect(done.code).toBe(one.code ?? 0);
    expect(done.asked).toEqual(questionsOf(one));
    expect(existsSync(none)).toBe(false);
  },
);

describe("the world of these tests", () => {
  test("ends a command that wants more than to look", async () => {
    const { code, stderr } = await run(["--once", tree]);
    expect(stderr).toMatch(/a dry command wanted to hold the ledger/);
    expect(code).toBe(99);
  });
});

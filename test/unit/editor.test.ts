import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { LanguageServer } from "./language-server.ts";

jest.setTimeout(60_000);

/** Below node_modules, so that packages are found. */
const build = join(process.cwd(), "node_modules", ".cache", "evenkeel", "editor");
const folder = mkdtempSync(join(tmpdir(), "evenkeel-editor-"));
const tree = join(folder, "manifests");
const read = (file: string): string => readFileSync(join(tree, file), "utf8");

let server: LanguageServer;

beforeAll(async () => {
  execFileSync("node", ["hack/build.mjs", build]);
  execFileSync("node", [join(build, "reconcile.js"), "init", tree]);
  server = await LanguageServer.start(tree);
});
afterAll(async () => {
  await server.stop();
  for (const one of [build, folder]) rmSync(one, { recursive: true, force: true });
});

/** What is said of a file with something in it replaced, and on which line of it. */
async function saidOf(file: string, from: string | RegExp, to: string): Promise<string[]> {
  const before = read(file);
  const text = before.replace(from, to);
  if (text === before) throw new Error(`${file} does not hold ${String(from)}`);
  const said = await server.open(file, text);
  const lines = text.split("\n");
  return said.map(({ message, range }) => `${lines[range.start.line]?.trim()}: ${message.split("\n")[0]}`);
}

describe("an editor with yaml-language-server, on the tree that init writes,", () => {
  test.each(["provider/hv1.yaml", "provider/t1.yaml", "tenants/t1/web.yaml"])(
    "has nothing against %s as it is written",
    async (file) => {
      expect(await server.open(file, read(file))).toEqual([]);
    },
  );

  test("marks a value of the wrong type, and one that is out of its range", async () => {
    expect(await saidOf("tenants/t1/web.yaml", "min: 2", "min: two")).toEqual([
      expect.stringMatching(/^replicas: \{min: two, max: 4\}: .*Expected "integer"/),
    ]);
    expect(await saidOf("tenants/t1/web.yaml", "min: 2", "min: 251")).toEqual([
      expect.stringMatching(/^replicas: .*maximum of 250/),
    ]);
    expect(await saidOf("provider/hv1.yaml", "gateway: 203.0.113.1 ", "gateway: 203.0.113.300 ")).toEqual([
      expect.stringMatching(/^gateway: 203\.0\.113\.300 .*pattern/),
    ]);
  });

  test("marks a key that the kind does not have", async () => {
    expect(await saidOf("tenants/t1/web.yaml", "  replicas:", "  replica: 3\n  replicas:")).toEqual([
      expect.stringMatching(/^replica: 3: .*replica is not allowed/),
    ]);
    expect(await saidOf("provider/t1.yaml", "  primary:", "  quotas: {}\n  primary:")).toEqual([
      expect.stringMatching(/^quotas: \{\}: .*quotas is not allowed/),
    ]);
  });

  test("knows the kind of a file without a modeline by its folder and what it says", async () => {
    const without = (file: string): string => read(file).replace(/^# yaml-language-server.*\n/, "");
    expect(await server.open("provider/hv7.yaml", without("provider/hv1.yaml"))).toEqual([]);
    expect(await server.open("provider/t7.yaml", without("provider/t1.yaml"))).toEqual([]);
    const wrong = without("tenants/t1/web.yaml").replace("cidr:", "cdir:");
    const said = await server.open("tenants/t7/web.yaml", wrong);
    expect(said.map(({ message }) => message).join("\n")).toMatch(/"cidr"[^]*cdir is not allowed/);
  });

  test("offers the names of fields", async () => {
    const text = read("tenants/t1/web.yaml").replace("  replicas:", "  h\n  replicas:");
    const line = text.split("\n").indexOf("  h");
    const offered = await server.complete("tenants/t1/web.yaml", text, line, 3);
    expect(offered).toEqual(expect.arrayContaining(["healthCheck", "autoscale", "drain"]));
    expect(offered).not.toContain("cidr");
  });
});

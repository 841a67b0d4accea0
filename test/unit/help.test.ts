import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

/** Below node_modules, so that packages are found. */
const build = join(process.cwd(), "node_modules", ".cache", "evenkeel", "help");
const help = (...words: readonly string[]): string =>
  execFileSync("node", [join(build, "reconcile.js"), ...words, "--help"], { encoding: "utf8" });

/** The commands that the program lists, by the heading that they stand under. */
const commands = (): Map<string, string[]> =>
  new Map(
    [...help().matchAll(/^(Commands.*)\n((?: .*\n?)+)/gm)].map(([, heading = "", list = ""]) => [
      heading,
      [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name),
    ]),
  );

const COMMANDS =
  "approve cordon demo describe diff down drain events export get graph import init pause plan resume set top uncordon up validate version wait why".split(
    " ",
  );

beforeAll(() => {
  execFileSync("node", ["hack/build.mjs", build]);
});
afterAll(() => rmSync(build, { recursive: true, force: true }));

describe("help", () => {
  test("lists every command", () => {
    expect([...commands().values()].flat().toSorted()).toEqual(COMMANDS);
  });

  test("says of every command whether it changes something", () => {
    expect([...commands().keys()]).toEqual([
      "Commands that change nothing:",
      "Commands that change hypervisors:",
      "Commands that edit manifests:",
    ]);
    for (const names of commands().values()) expect(names).toEqual(names.toSorted());
  });

  test.each([[], ...COMMANDS.map((name) => [name])])("of %s keeps within 80 columns", (...words) => {
    const text = help(...words);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(text).toMatch(/^Usage: reconcile /);
    expect(text).not.toMatch(/undefined|\[object Object/);
  });

  test("says nothing of exit codes, because every command has its line in their table", () => {
    const table = readFileSync("docs/exit-codes.md", "utf8");
    const missing = COMMANDS.filter((name) => !new RegExp(`\`(reconcile )?${name}\``).test(table));
    expect(missing).toEqual(["version"]);
  });
});

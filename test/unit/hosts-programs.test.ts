import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { fleetDirectory, lookScript } from "../../src/facts/script.ts";
import { fenceLine, PROGRAMS } from "../../src/hosts/render.ts";
import { FLEET } from "./scenario.ts";

/** A hypervisor's /run/netns and state, and its tools as functions that say how they were called. */
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-programs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs one of the programs, with these tools, on that input. */
function run(program: string, tools: string, stdin: string): { status: number | null; calls: string[] } {
  const programs = PROGRAMS.replaceAll("/run/netns", directory);
  const script = `e=${directory}/errors\n${programs}\n${tools}\n${program}`;
  const { status, stdout } = spawnSync("sh", ["-c", script], { input: stdin, encoding: "utf8" });
  return { status, calls: stdout.trim().split("\n").filter(Boolean) };
}

describe("a namespace", () => {
  const ADD = 'ip() { echo "$*"; }';

  test("whose name is a file left by a call that was cut off is made", () => {
    writeFileSync(join(directory, "campus.t2"), "");
    expect(run("netns_add", ADD, "campus.t2\n")).toEqual({
      status: 0,
      calls: ["netns add campus.t2", "netns set campus.t2 auto"],
    });
  });

  test("that stands is left as it is", () => {
    writeFileSync(join(directory, "campus.t2"), "");
    expect(run("netns_add", `${ADD}\nstat() { echo nsfs; }`, "campus.t2\n").calls).toEqual([]);
  });

  test("is deleted when what ran in it was ended", () => {
    writeFileSync(join(directory, "campus.t2"), "");
    const pids = join(directory, "pids");
    writeFileSync(pids, "17\n");
    const tools = `
      ip() { case $2 in pids) cat ${pids};; del) echo "deleted with <$(cat ${pids})> in it";; esac; }
      kill() { echo "ended $*"; : > ${pids}; }`;
    expect(run("netns_remove", tools, "campus.t2\n")).toEqual({
      status: 0,
      calls: ["ended 17", "deleted with <> in it"],
    });
  });
});

describe("the removal of containers", () => {
  const tools = (left: string): string =>
    `docker() { case $1 in rm) return 1;; inspect) case " ${left} " in *" $2 "*) ;; *) return 1;; esac;; esac; }`;

  test("that Docker refuses is not done while one is still there", () => {
    expect(run("remove_containers", tools("c2"), "c1\nc2\n").status).toBe(1);
  });

  test("of some that are gone already is done", () => {
    expect(run("remove_containers", tools(""), "c1\nc2\n").status).toBe(0);
  });
});

test("the hypervisor's chain stays while rules of another tenant are in it", () => {
  const tools = (rules: string): string =>
    `iptables() { case $2 in -S) printf '%s\\n' '-N C'${rules};; -D) return 1;; *) echo "$2 $3";; esac; }`;
  expect(run("host_chain_remove", tools(" '-A C -j DROP'"), "C\n").calls).toEqual([]);
  expect(run("host_chain_remove", tools(""), "C\n").calls).toEqual(["-F C", "-X C"]);
});

describe("a look that renews the fence", () => {
  const kept = { epoch: 7, ledger: "abc", holder: "here:1", manifests: "/srv" };

  test.each([
    ["its own", "7 held 0 abc here:1 x", true],
    ["an older one", "6 free 0 other there:1 x", true],
    ["one of the same epoch, of another ledger", "7 held 0 other there:1 x", false],
    ["a newer one", "8 held 0 other there:1 x", false],
  ])("%s", (_, before, isRenewed) => {
    mkdirSync(join(directory, "state"));
    const fence = join(directory, "state/fence");
    writeFileSync(fence, `${before}\n`);
    const keepFence = { ...kept, line: fenceLine(kept) };
    const script = lookScript({ fleet: FLEET, nonce: "n0nce", draining: [], keepFence });
    const renewal = /\n\(\n[\s\S]*?\n\) &/.exec(script)?.[0] ?? "exit 1";
    const input = `F=${fleetDirectory(FLEET)}/fence${renewal}\nwait`.replaceAll(
      fleetDirectory(FLEET),
      join(directory, "state"),
    );
    expect(spawnSync("sh", ["-s"], { input }).status).toBe(0);
    expect(readFileSync(fence, "utf8")).toMatch(
      isRenewed ? /^7 held \d+ abc here/ : new RegExp(`^${before}`),
    );
  });
});

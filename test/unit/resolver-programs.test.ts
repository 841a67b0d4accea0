import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { parseResolvers, resolversScript } from "../../src/facts/resolvers.ts";
import { PROGRAMS } from "../../src/hosts/render.ts";
import type { ResolverFacts } from "../../src/facts/resolvers.ts";
import { FLEET, T2 } from "./scenario.ts";

/** A hypervisor's /run. */
let run: string;
/** What was started here. */
let pids: number[];
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "evenkeel-resolver-"));
  pids = [];
});
afterEach(() => {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  rmSync(run, { recursive: true });
});

/** In dnsmasq's place: a process that goes on under the same words, and counts how often it is told. */
const DNSMASQ = `nsenter() { shift; "$@"; }
dnsmasq() { for w; do case $w in --pid-file=*) f=\${w#*=};; esac; done
  perl -e '$SIG{HUP} = sub { open my $f, ">>", "$ENV{TOLD}"; print $f "told\\n" }; open my $f, ">", $ENV{READY}; close $f; sleep 1 while 1' -- "$@" </dev/null >/dev/null 2>&1 &
  echo $! > "$f"; while [ ! -e "$READY" ]; do :; done; }`;

const files = (): string => join(run, "evenkeel/campus/t2");
const read = (name: string): string => readFileSync(join(files(), name), "utf8").trim();
const told = (): number =>
  existsSync(join(run, "told")) ? readFileSync(join(run, "told"), "utf8").length / 5 : 0;

function isAlive(pid: number): boolean {
  const { status } = spawnSync("test", ["-e", `/proc/${pid}/ns/net`]);
  return status === 0;
}

const sh = (script: string, input = ""): ReturnType<typeof spawnSync> =>
  spawnSync("sh", ["-c", script.replaceAll("/run/", `${run}/`)], {
    input,
    encoding: "utf8",
    env: { ...process.env, TOLD: join(run, "told"), READY: join(run, "ready") },
  });

/** Runs one of the programs; returns its exit status and the process that is written down then. */
function program(words: string, input: string, tools = DNSMASQ): { status: number | null; pid: number } {
  const { status } = sh(`${PROGRAMS}\n${tools}\n${words}`, input);
  const pid = existsSync(join(files(), "pid")) ? Number(read("pid")) : 0;
  if (pid > 0 && !pids.includes(pid)) pids.push(pid);
  return { status, pid };
}

const look = (): ResolverFacts | undefined =>
  parseResolvers(FLEET, String(sh(resolversScript(FLEET)).stdout).replaceAll(`${run}/`, "/run/")).get(T2);

const INPUT =
  "command --one\ncommand --two=a b\nhosts 10.13.13.2 web-1.web.t2.internal\nleases m,web-1,10.13.13.2\n";
const start = (input = INPUT) => program("resolver_start campus.t2", input);

test("one is started with its files, and shown as it runs", () => {
  const { status, pid } = start();
  expect(status).toBe(0);
  expect(isAlive(pid)).toBe(true);
  expect(look()).toEqual({
    command: ["-e", expect.any(String), "--", "--one", "--two=a b"],
    isInside: false,
    hosts: ["10.13.13.2 web-1.web.t2.internal"],
    leases: ["m,web-1,10.13.13.2"],
    isTold: true,
    failure: undefined,
  });
});

test("one that is told reads its files again, and is the same", () => {
  const { pid } = start();
  expect(program("resolver_tell campus.t2", "hosts 10.13.13.3 b\n")).toEqual({ status: 0, pid });
  while (told() === 0);
  expect(look()).toMatchObject({ hosts: ["10.13.13.3 b"], leases: [], isTold: true });
  expect(look()?.command).toContain("--one");
});

test("files that are written anew are not taken for read before somebody was told", () => {
  start();
  // Cut off between the two.
  program("kill() { exit 9; }; resolver_tell campus.t2", "hosts 10.13.13.3 b\n");
  expect(look()).toMatchObject({ hosts: ["10.13.13.3 b"], isTold: false });
});

test("one that is started again takes the place of the other", () => {
  const first = start().pid;
  rmSync(join(run, "ready"));
  const second = start("command --three\n").pid;
  expect([isAlive(first), isAlive(second)]).toEqual([false, true]);
  expect(look()).toMatchObject({ command: expect.arrayContaining(["--three"]), hosts: [] });
});

test("one that cannot be started says why, and fails nothing", () => {
  const refuse = `nsenter() { echo; echo "dnsmasq: port taken" >&2; return 2; }; dnsmasq() { :; }`;
  expect(program("resolver_start campus.t2", INPUT, refuse)).toEqual({ status: 0, pid: 0 });
  expect(look()).toMatchObject({ command: [], isTold: false, failure: "dnsmasq: port taken" });
  const missing = `command() { return 1; }`;
  expect(program("resolver_start campus.t2", INPUT, missing).status).toBe(0);
  expect(look()?.failure).toBe("dnsmasq is not there: apt-get install dnsmasq-base");
  start();
  expect(look()?.failure).toBeUndefined();
});

test("one ends with its files", () => {
  const { pid } = start();
  expect(program("resolver_stop", "campus.t2 7\n")).toEqual({ status: 0, pid: 0 });
  expect(isAlive(pid)).toBe(false);
  expect(readdirSync(join(run, "evenkeel/campus"))).toEqual([]);
  expect(look()).toBeUndefined();
});

test("a process that got the number of one is not taken for it", () => {
  const other = spawn("sleep", ["60"], { stdio: "ignore" });
  pids.push(other.pid ?? 0);
  mkdirSync(files(), { recursive: true });
  writeFileSync(join(files(), "pid"), `${other.pid}\n`);
  writeFileSync(join(files(), "told"), `${other.pid}\n`);
  expect(look()).toMatchObject({ command: [], isTold: false });
  program("resolver_tell campus.t2", "hosts 10.13.13.3 b\n");
  program("resolver_stop", "campus.t2 7\n");
  expect(isAlive(other.pid ?? 0)).toBe(true);
});

test("a number that is none is no process", () => {
  mkdirSync(files(), { recursive: true });
  for (const pid of ["../1", "-1", "1 2", ""]) {
    writeFileSync(join(files(), "pid"), `${pid}\n`);
    expect([pid, look()?.command]).toEqual([pid, []]);
  }
});

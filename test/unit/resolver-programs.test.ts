import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { parseResolvers, type ResolverFacts, resolversScript } from "../../src/facts/resolvers.ts";
import { GatewayRun, isAlive } from "./gateway-process.ts";
import { FLEET, T2 } from "./scenario.ts";

let on: GatewayRun;
beforeEach(() => {
  on = new GatewayRun("evenkeel/campus/t2", (run) => ({
    TOLD: join(run, "told"),
    READY: join(run, "ready"),
  }));
});
afterEach(() => on.end());

/** In dnsmasq's place: a process that goes on under the same words, and counts how often it is told. */
const DNSMASQ = `nsenter() { shift; "$@"; }
dnsmasq() { for w; do case $w in --pid-file=*) f=\${w#*=};; esac; done
  perl -e '$SIG{HUP} = sub { open my $f, ">>", "$ENV{TOLD}"; print $f "told\\n" }; open my $f, ">", $ENV{READY}; close $f; sleep 1 while 1' -- "$@" </dev/null >/dev/null 2>&1 &
  echo $! > "$f"; while [ ! -e "$READY" ]; do :; done; }`;

const told = (): number =>
  existsSync(join(on.run, "told")) ? readFileSync(join(on.run, "told"), "utf8").length / 5 : 0;

const program = (words: string, input: string, tools = DNSMASQ) => on.program(words, input, tools);

const look = (): ResolverFacts | undefined => parseResolvers(FLEET, on.look(resolversScript(FLEET))).get(T2);

const INPUT =
  "command --one\ncommand --two=a b\nhosts 10.13.13.2 web-1.web.t2.internal\nleases m,web-1,10.13.13.2\n";
const start = (input = INPUT) => program("resolver_start campus.t2", input);

test("one is started with its files, and shown as it runs", () => {
  const { status, pid } = start();
  expect(status).toBe(0);
  expect(isAlive(pid)).toBe(true);
  expect(look()).toEqual({
    command: ["-e", expect.any(String), "--", "--one", "--two=a b"],
    isAstray: true, // there is no namespace of that name here
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
  rmSync(join(on.run, "ready"));
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
  expect(readdirSync(join(on.run, "evenkeel/campus"))).toEqual([]);
  expect(look()).toBeUndefined();
});

test("a process that got the number of one is not taken for it", () => {
  const other = spawn("sleep", ["60"], { stdio: "ignore" });
  const pid = on.own(other.pid);
  on.write("pid", `${pid}\n`);
  on.write("told", `${pid}\n`);
  expect(look()).toMatchObject({ command: [], isTold: false });
  program("resolver_tell campus.t2", "hosts 10.13.13.3 b\n");
  program("resolver_stop", "campus.t2 7\n");
  expect(isAlive(pid)).toBe(true);
});

test("a number that is none is no process", () => {
  for (const pid of ["../1", "-1", "1 2", ""]) {
    on.write("pid", `${pid}\n`);
    expect([pid, look()?.command]).toEqual([pid, []]);
  }
});

import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type CollectorFacts, collectorsScript, parseCollectors } from "../../src/facts/collectors.ts";
import { GatewayRun, isAlive } from "./gateway-process.ts";
import { FLEET, T2 } from "./scenario.ts";

let on: GatewayRun;
beforeEach(() => {
  // With programs in front of the hypervisor's own.
  on = new GatewayRun("evenkeel-collectors/campus/t2", (run) => ({
    PATH: `${run}/bin:${process.env["PATH"]}`,
  }));
  mkdirSync(join(on.run, "bin"));
  tool("nsenter", 'shift; exec "$@"');
  tool("setpriv", 'while [ "$1" != collectd ]; do shift; done; exec "$@"');
  collectd("Initialization complete, entering read-loop.");
});
afterEach(() => on.end());

function tool(name: string, script: string): void {
  writeFileSync(join(on.run, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** In collectd's place: a process that says something and goes on under the same words, or ends. */
const collectd = (says: string, then = "exec perl -e 'sleep 1 while 1' -- \"$@\""): void =>
  tool("collectd", `echo 'plugin_load: plugin "network" successfully loaded.'; echo '${says}'; ${then}`);

const start = (input = "Interval 1\n", before = "") => on.program("collector_start campus.t2", input, before);
const look = (): CollectorFacts | undefined =>
  parseCollectors(FLEET, on.look(collectorsScript(FLEET))).get(T2);

test("one is started with its file, and shown as it runs", () => {
  const { status, pid } = start('<Plugin "a b">\n  Port "1"\n</Plugin>\n');
  expect([status, isAlive(pid)]).toEqual([0, true]);
  expect(look()).toEqual({
    isRunning: true,
    isAstray: true, // there is no namespace of that name here
    configuration: ['<Plugin "a b">', '  Port "1"', "</Plugin>"],
    failure: undefined,
  });
});

test("one that is started again takes the place of the other, which never ran with its file", () => {
  const first = start().pid;
  // Cut off before the file is written.
  on.program("collector_start campus.t2", "Interval 2\n", "mkdir() { exit 9; }");
  expect(look()).toMatchObject({ isRunning: false, configuration: ["Interval 1"] });
  const second = start("Interval 2\n").pid;
  expect([isAlive(first), isAlive(second)]).toEqual([false, true]);
  expect(look()).toMatchObject({ isRunning: true, configuration: ["Interval 2"] });
});

test("one that goes on without one of its plugins is ended, and says why", () => {
  collectd("write_prometheus plugin: Opening a listening socket failed.\nentering read-loop.");
  const { status, pid } = start();
  expect([status, isAlive(pid)]).toEqual([0, false]);
  expect(look()).toMatchObject({
    isRunning: false,
    failure: "write_prometheus plugin: Opening a listening socket failed. entering read-loop.",
  });
  collectd("entering read-loop.");
  start();
  expect(look()).toMatchObject({ isRunning: true, failure: undefined });
});

test("one that ends at once, or is not there, says so and fails nothing", () => {
  collectd("Parse error in line 1", "exit 1");
  expect(start().status).toBe(0);
  expect(look()).toMatchObject({ isRunning: false, failure: "Parse error in line 1" });
  for (const missing of ["collectd", "curl"]) {
    expect(start("", `command() { [ "$2" != ${missing} ]; }`).status).toBe(0);
    expect(look()?.failure).toBe(
      `${missing} is not there: apt-get install collectd-core libmicrohttpd12 libprotobuf-c1 curl`,
    );
  }
});

test("one ends with its files", () => {
  const { pid } = start();
  expect(on.program("collector_stop", "campus.t2 7\n")).toEqual({ status: 0, pid: 0 });
  expect(isAlive(pid)).toBe(false);
  expect(readdirSync(join(on.run, "evenkeel-collectors/campus"))).toEqual([]);
  expect(look()).toBeUndefined();
});

test("a process that got the number of one is not taken for it", () => {
  const other = spawn("sleep", ["60"], { stdio: "ignore" });
  const pid = on.own(other.pid);
  on.write("pid", `${pid}\n`);
  expect(look()).toMatchObject({ isRunning: false });
  on.program("collector_stop", "campus.t2 7\n");
  expect(isAlive(pid)).toBe(true);
});

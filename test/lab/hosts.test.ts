import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { HypervisorName } from "../../src/api/names.ts";
import { connect } from "../../src/hosts/connect.ts";
import type { ScriptResult, Shell } from "../../src/hosts/shell.ts";
import { command, eventually, kill, Relay, Sshd } from "./hosts-sshd.ts";

// A silent peer takes 10 s to be found silent; nothing here takes longer by itself.
jest.setTimeout(60_000);

const { signal } = new AbortController();
const UNKNOWN = { state: "unknown", code: undefined };

let sshd: Sshd;
const open: Shell[] = [];
const relays: Relay[] = [];
const servers: Sshd[] = [];

beforeAll(async () => {
  sshd = await Sshd.start();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((host) => host.close()));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  for (const file of idle.splice(0)) {
    const pid = Number(readFileSync(file, "utf8"));
    if (command(pid) === "sleep") kill(pid, "SIGKILL");
  }
});
afterAll(() => sshd.stop());

interface Other {
  readonly port?: number;
  readonly identityFile?: string;
  readonly hostKeys?: readonly string[];
  readonly server?: Sshd;
}

/** A host on the test's sshd; what is given is otherwise. It is closed when its test ends. */
function hypervisor({
  server = sshd,
  port = server.port,
  identityFile = "id",
  hostKeys = [server.hostKey],
}: Other = {}): Shell {
  const ssh = { address: "127.0.0.1", port, user: "root", identityFile, hostKeys };
  const host = connect("hv1" as HypervisorName, { ssh }, { keysDirectory: server.folder });
  open.push(host);
  return host;
}

const run = (host: Shell, script: string, deadlineSeconds = 60): Promise<ScriptResult> =>
  host.run(script, { deadlineSeconds, signal });

/** A relay in front of a port, stopped when its test ends. */
async function relayTo(target: number | "silence"): Promise<Relay> {
  const relay = await Relay.start(target);
  relays.push(relay);
  return relay;
}

/** Files with the pids of idlers, which may outlive their session, as scripts do in real life. */
const idle: string[] = [];

/** A script that says it has begun, and then does nothing for a minute; and the wait for its beginning. */
function idler(name: string): { script: string; begun: () => Promise<boolean> } {
  const file = sshd.path(name);
  rmSync(file, { force: true });
  idle.push(file);
  const script = `echo begun; echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 60`;
  return { script, begun: () => eventually(() => existsSync(file)) };
}

describe("a script over SSH", () => {
  test("runs, and its output and exit status come back as they are", async () => {
    const result = await run(hypervisor(), "echo Zürich; echo trouble >&2; exit 3");
    expect(result).toEqual({ state: "ended", code: 3, stdout: "Zürich\n", stderr: "trouble\n" });
  });

  test("is not part of the command that the shell there sees", async () => {
    const { stdout } = await run(hypervisor(), 'tr "\\0" " " < /proc/$PPID/cmdline', 7);
    expect(stdout).toBe("timeout -k 5 7 sh -s ");
  });

  test("may be long, and so may its output", async () => {
    const text = "0123456789abcdef".repeat(100_000);
    const { stdout } = await run(hypervisor(), `cat <<'END'\n${text}\nEND\n`);
    expect(stdout).toBe(`${text}\n`);
  });

  test("that prints without end gives an unknown result, and the connection goes on", async () => {
    const host = hypervisor();
    const result = await run(host, "exec cat /dev/zero");
    expect(result).toMatchObject({ ...UNKNOWN, stderr: expect.stringContaining("bytes of output") });
    await expect(run(host, "echo on")).resolves.toMatchObject({ stdout: "on\n" });
  });

  test("is ended there at its deadline", async () => {
    const result = await run(hypervisor(), "echo begun; sleep 60", 1);
    expect(result).toMatchObject({ state: "ended", code: 124, stdout: "begun\n" });
  });

  test("that heeds no polite signal is killed there, and what it did is unknown", async () => {
    const result = await run(hypervisor(), "trap '' TERM; while :; do sleep 0.1; done", 1);
    expect(result).toMatchObject({ ...UNKNOWN, stderr: expect.stringContaining("killed by SIGKILL") });
  });

  test("shares one connection with others, four at once and no more", async () => {
    const relay = await relayTo(sshd.port);
    const host = hypervisor({ port: relay.port });
    const log = sshd.path("log");
    writeFileSync(log, "");
    // Each waits until four have begun: with fewer places they would wait for ever, with more the log shows it.
    const script = `echo + >> ${log}; while [ $(grep -c + ${log}) -lt 4 ]; do sleep 0.05; done; sleep 0.2; echo - >> ${log}`;
    const results = await Promise.all(Array.from({ length: 8 }, () => run(host, script, 20)));
    expect(results.map(({ code }) => code)).toEqual(Array(8).fill(0));
    let [now, most] = [0, 0];
    for (const sign of readFileSync(log, "utf8").trim().split("\n"))
      most = Math.max(most, (now += sign === "+" ? 1 : -1));
    expect(most).toBe(4);
    expect(relay.accepted).toBe(1);
  });

  test("called off gives an unknown result, in its place in the queue too, and then never runs", async () => {
    const host = hypervisor();
    const calledOff = new AbortController();
    const idlers = [1, 2, 3, 4].map((number) => idler(`busy${number}`));
    const options = { deadlineSeconds: 3, signal: calledOff.signal };
    const running = idlers.map(({ script }) => host.run(script, options));
    await Promise.all(idlers.map(({ begun }) => begun()));
    const marker = sshd.path("queued");
    const queued = host.run(`: > ${marker}`, options);
    calledOff.abort();
    for (const result of await Promise.all([...running, queued])) expect(result).toMatchObject(UNKNOWN);
    await expect(run(host, "echo on")).resolves.toMatchObject({ stdout: "on\n" });
    expect(existsSync(marker)).toBe(false);
  });

  test("that sshd opens no session for did not run", async () => {
    const server = await Sshd.start({ maxSessions: 1 });
    servers.push(server);
    const host = hypervisor({ server });
    const first = idler("only");
    const running = run(host, first.script);
    await first.begun();
    await expect(run(host, "true")).rejects.toMatchObject({
      code: "EK-HOST-UNREACHABLE",
      fix: expect.stringContaining("MaxSessions"),
    });
    for (const pid of server.sessions) kill(pid, "SIGKILL");
    await expect(running).resolves.toMatchObject(UNKNOWN);
  });
});

const unreachable = (message: string) => ({
  code: "EK-HOST-UNREACHABLE",
  message: expect.stringContaining(message),
  fix: expect.any(String),
});

describe("a connection that cannot be had", () => {
  test("because nobody listens", async () => {
    const relay = await relayTo("silence");
    await relay.stop();
    const message = `hv1 (127.0.0.1:${relay.port}): connection refused`;
    await expect(run(hypervisor({ port: relay.port }), "true")).rejects.toMatchObject(unreachable(message));
  });

  test("because the key is not let in", async () => {
    const host = hypervisor({ identityFile: "stranger" });
    await expect(run(host, "true")).rejects.toMatchObject(unreachable("login refused for root"));
  });

  test("because the peer never says a word", async () => {
    const relay = await relayTo("silence");
    const calls = [1, 2, 3].map(() => run(hypervisor({ port: relay.port }), "true"));
    await Promise.all(
      calls.map((call) => expect(call).rejects.toMatchObject(unreachable("no answer in 10 s"))),
    );
  });

  test.each([
    ["another", ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]],
    ["none", []],
  ])("because the host key is not accepted: %s is", async (_which, hostKeys) => {
    const marker = sshd.path("host-key");
    const call = run(hypervisor({ hostKeys }), `: > ${marker}`);
    await expect(call).rejects.toMatchObject({
      code: "EK-HOST-KEY",
      message: expect.stringContaining(
        `ssh-ed25519 ${sshd.hostKey}; accepted: ${hostKeys[0] ?? "its manifest accepts none"}`,
      ),
      fix: expect.stringContaining("ssh-keygen -lf"),
    });
    expect(existsSync(marker)).toBe(false);
  });

  test("because others can read the key", async () => {
    chmodSync(sshd.path("stranger"), 0o644);
    await expect(run(hypervisor({ identityFile: "stranger" }), "true")).rejects.toMatchObject({
      code: "EK-SECRET",
    });
    chmodSync(sshd.path("stranger"), 0o600);
  });

  test("is tried for once by all who call at the same time, and again by the next", async () => {
    const relay = await relayTo("silence");
    const host = hypervisor({ port: relay.port });
    const calls = [1, 2, 3, 4].map(() => run(host, "true"));
    await eventually(() => relay.accepted > 0);
    relay.reset();
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "EK-HOST-UNREACHABLE" });
    expect(relay.accepted).toBe(1);
    const next = run(host, "true");
    await eventually(() => relay.accepted === 2);
    relay.reset();
    await expect(next).rejects.toMatchObject({ code: "EK-HOST-UNREACHABLE" });
  });
});

/** A host whose script is in the midst of it, and its result to come. */
async function busy(port: number): Promise<{ host: Shell; running: Promise<ScriptResult> }> {
  const host = hypervisor({ port });
  const { script, begun } = idler("lost");
  const running = run(host, script);
  await begun();
  return { host, running };
}

describe("a connection that is lost", () => {
  test("when the sshd of its session is killed leaves the result unknown, and the next call connects anew", async () => {
    const { host, running } = await busy(sshd.port);
    for (const pid of sshd.sessions) kill(pid, "SIGKILL");
    const lost = {
      ...UNKNOWN,
      stdout: "begun\n",
      stderr: expect.stringContaining("the connection was lost"),
    };
    await expect(running).resolves.toMatchObject(lost);
    await expect(run(host, "echo on")).resolves.toMatchObject({ state: "ended", stdout: "on\n" });
  });

  test("by a TCP reset in mid-script leaves the result unknown, and this process alive", async () => {
    const relay = await relayTo(sshd.port);
    const { host, running } = await busy(relay.port);
    relay.reset();
    await expect(running).resolves.toMatchObject(UNKNOWN);
    await expect(run(host, "echo on")).resolves.toMatchObject({ state: "ended", stdout: "on\n" });
  });

  test("by a TCP reset while idle is made anew, once for all who call next", async () => {
    const relay = await relayTo(sshd.port);
    const host = hypervisor({ port: relay.port });
    await run(host, "true");
    relay.reset();
    const results = await Promise.all([1, 2, 3, 4].map(() => run(host, "echo on")));
    expect(results.map(({ stdout }) => stdout)).toEqual(["on\n", "on\n", "on\n", "on\n"]);
    expect(relay.accepted).toBe(2);
  });

  test("because the peer hangs leaves the result unknown, long before the script's deadline", async () => {
    const { running } = await busy(sshd.port);
    const stopped = sshd.sessions;
    for (const pid of stopped) kill(pid, "SIGSTOP");
    await expect(running).resolves.toMatchObject({ ...UNKNOWN, stdout: "begun\n" });
    for (const pid of stopped) kill(pid, "SIGKILL");
  });

  test("by close() ends the session there, and leaves running scripts unknown", async () => {
    const { host, running } = await busy(sshd.port);
    expect(sshd.sessions).not.toEqual([]);
    await host.close();
    await host.close();
    await expect(running).resolves.toMatchObject(UNKNOWN);
    await eventually(() => sshd.sessions.length === 0);
    await expect(run(host, "true")).rejects.toMatchObject({ code: "EK-HOST-UNREACHABLE" });
  });
});

import { describe, expect, test } from "@jest/globals";
import type { HypervisorName } from "../../src/api/names.ts";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { GivenUp, within } from "../../src/hosts/deadline.ts";
import { LocalShell } from "../../src/hosts/local.ts";

const never = new AbortController().signal;

/** What `look` answers once it does not throw any more. */
async function eventually<T>(look: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < 1000; tries++) {
    try {
      return await look();
    } catch {
      await pause(10);
    }
  }
  return await look();
}

describe("the machine itself as a host", () => {
  const host = new LocalShell("here" as HypervisorName);

  test("runs a script from standard input and tells how it ended", async () => {
    const result = await host.run("echo out; echo err >&2; exit 3", { deadlineSeconds: 10, signal: never });
    expect(result).toEqual({ state: "ended", code: 3, stdout: "out\n", stderr: "err\n" });
  });

  test("gives a script nothing of this process's environment", async () => {
    const { stdout } = await host.run("env", { deadlineSeconds: 10, signal: never });
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    const ofTheShell = ["OLDPWD", "PWD", "SHLVL", "_"];
    expect(new Set(names.filter((name) => !ofTheShell.includes(name ?? "")))).toEqual(
      new Set(["HOME", "PATH"]),
    );
  });

  test("bears a script that ends before it has read all of itself", async () => {
    const result = await host.run(`exit 0\n${"# much more\n".repeat(100_000)}`, {
      deadlineSeconds: 10,
      signal: never,
    });
    expect(result).toMatchObject({ state: "ended", code: 0 });
  });

  test("ends a script at its deadline", async () => {
    const result = await host.run("echo begun; sleep 60", { deadlineSeconds: 1, signal: never });
    expect(result).toMatchObject({ state: "ended", code: 124, stdout: "begun\n" });
  });

  test("does not know what became of a script that was called off, and ends it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "evenkeel-local-"));
    const calledOff = new AbortController();
    const script = `echo $$ > ${folder}/new; mv ${folder}/new ${folder}/pid; exec sleep 60`;
    const running = host.run(script, { deadlineSeconds: 60, signal: calledOff.signal });
    const pid = Number(await eventually(() => readFile(join(folder, "pid"), "utf8")));
    calledOff.abort();
    await expect(running).resolves.toMatchObject({ state: "unknown", code: undefined });
    await eventually(async () => expect(() => process.kill(pid, 0)).toThrow("ESRCH"));
    await rm(folder, { recursive: true });
  });

  test("never runs a script that was called off while it waited for its turn", async () => {
    const folder = await mkdtemp(join(tmpdir(), "evenkeel-local-"));
    const calledOff = new AbortController();
    const busy = [1, 2, 3, 4].map(() =>
      host.run(`until [ -e ${folder}/go ]; do sleep 0.01; done`, { deadlineSeconds: 20, signal: never }),
    );
    const queued = host.run(`: > ${folder}/ran`, { deadlineSeconds: 20, signal: calledOff.signal });
    calledOff.abort();
    await expect(queued).resolves.toMatchObject({ state: "unknown" });
    await writeFile(join(folder, "go"), "");
    await Promise.all(busy);
    await expect(host.run(`ls ${folder}`, { deadlineSeconds: 20, signal: never })).resolves.toMatchObject({
      stdout: "go\n",
    });
    await rm(folder, { recursive: true });
  });

  test("does not know what became of a script that a signal killed", async () => {
    const result = await host.run("kill -KILL $PPID", { deadlineSeconds: 10, signal: never });
    expect(result).toMatchObject({ state: "unknown", stderr: expect.stringContaining("killed by SIGKILL") });
  });

  test("takes output without end for an unknown result", async () => {
    const result = await host.run("exec cat /dev/zero", { deadlineSeconds: 60, signal: never });
    expect(result).toMatchObject({ state: "unknown", stderr: expect.stringContaining("bytes of output") });
  });

  test("runs nothing more once it is closed", async () => {
    const closed = new LocalShell("here" as HypervisorName);
    await closed.close();
    await closed.close();
    const refused = expect.objectContaining({ code: "EK-HOST-UNREACHABLE" });
    await expect(closed.run("true", { deadlineSeconds: 1, signal: never })).rejects.toEqual(refused);
  });
});

const deaf = () => new Promise<never>(() => undefined);

describe("work under a deadline", () => {
  test("settles as it would without one", async () => {
    await expect(within({ seconds: 60, signal: never }, async () => 7)).resolves.toBe(7);
    await expect(within({}, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  test("is given up although it does not heed the signal", async () => {
    await expect(within({ seconds: 0.01 }, deaf)).rejects.toThrow(GivenUp);
    await expect(within({ signal: AbortSignal.abort("reason") }, deaf)).rejects.toThrow(GivenUp);
  });

  test("is not begun when it was called off before", async () => {
    let begun = false;
    const work = async () => {
      begun = true;
    };
    await expect(within({ signal: AbortSignal.abort() }, work)).rejects.toThrow(GivenUp);
    expect(begun).toBe(false);
  });
});

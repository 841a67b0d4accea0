import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type FleetName, trusted } from "../../src/api/names.ts";
import { FileLedger } from "../../src/ledger/file.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { holdDirectory } from "../../src/ledger/hold.ts";

describe("a state directory held by a process", () => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-hold-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const take = () => holdDirectory(directory, "another one");

  test("stays held while that process answers a Ctrl-C to its group, and is free once it has ended", async () => {
    const bundle = join(directory, "hold.mjs");
    const build = ["src/ledger/hold.ts", "--bundle", "--platform=node", "--format=esm"];
    execFileSync("node_modules/.bin/esbuild", [...build, `--outfile=${bundle}`, "--log-level=error"]);
    const program = join(directory, "program.mjs");
    writeFileSync(
      program,
      `import { holdDirectory } from ${JSON.stringify(bundle)};
process.on("SIGINT", () => console.log("interrupted"));
setInterval(() => {}, 1000);
await holdDirectory(${JSON.stringify(directory)}, "the holder");
console.log("held");`,
    );
    const holder = spawn("node", [program], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(holder, "exit");
    try {
      await once(holder.stdout, "data");
      process.kill(-(holder.pid ?? 0), "SIGINT");
      await once(holder.stdout, "data");
      await pause(200);
      // Released at once where it should have been refused, so that a failure is one and does not keep the test waiting.
      await expect(take().then((hold) => hold.release())).rejects.toMatchObject({ code: "EK-STATE-HELD" });
    } finally {
      holder.kill("SIGKILL");
    }
    await ended;
    for (let tries = 0; ; tries++) {
      try {
        const hold = await take();
        await hold.release();
        return;
      } catch (error) {
        if (tries === 200) throw error;
        await pause(10);
      }
    }
  });
});

test("a ledger writes its file only when something has changed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-ledger-"));
  const fleet = trusted<FleetName>("f1");
  writeFileSync(join(directory, "ledger.json"), JSON.stringify(emptyMemory(fleet)));
  const ledger = await FileLedger.open(directory, fleet, "me");
  try {
    rmSync(join(directory, "ledger.json"));
    await ledger.update((state) => ({ ...state, approvals: [...state.approvals] }));
    expect(existsSync(join(directory, "ledger.json"))).toBe(false);
    await ledger.update((state) => ({ ...state, epoch: 2 }));
    expect(existsSync(join(directory, "ledger.json"))).toBe(true);
  } finally {
    await ledger.close();
    rmSync(directory, { recursive: true });
  }
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { trusted } from "../../src/api/names.ts";
import { fleetDirectory } from "../../src/facts/script.ts";
import { changeScript } from "../../src/hosts/render.ts";
import type { ScriptOperation } from "../../src/resources/operation.ts";

const FLEET = trusted<import("../../src/api/names.ts").FleetName>("campus");
const claim = { epoch: 7, ledger: "abc", holder: "machine:1", manifests: "/srv/manifests" };
const script = (
  operations: readonly ScriptOperation[],
  sandboxes = new Map<string, string>(),
  change = {},
): string =>
  changeScript(FLEET, "n0nce", { ...claim, ...change }, 4, [{ tenant: "t2", operations, sandboxes }]);

/** Whether a POSIX shell takes it, without running it. */
const parses = (text: string): boolean => spawnSync("sh", ["-n"], { input: text }).status === 0;

const link = (lines: readonly string[]): ScriptOperation => ({
  phase: "configure",
  tool: "ip-inside",
  namespace: "campus.t2",
  lines,
});

describe("a change as a script", () => {
  test("neighbouring operations for one tool become one call", () => {
    const text = script([link(["link set a up"]), link(["link set b up"])]);
    expect(text.match(/ip -n campus\.t2 -batch -/g)).toHaveLength(1);
    expect(text).toContain("link set a up\nlink set b up\n");
  });

  test("operations for another tool in between keep their order", () => {
    const bridge: ScriptOperation = {
      phase: "forward",
      tool: "bridge-inside",
      namespace: "campus.t2",
      lines: ["fdb x"],
    };
    const text = script([link(["one"]), bridge, link(["two"])]);
    expect(text.indexOf("one")).toBeLessThan(text.indexOf("fdb x"));
    expect(text.indexOf("fdb x")).toBeLessThan(text.indexOf("two"));
  });

  test("a restore file is never lengthened by another", () => {
    const restore = (rule: string): ScriptOperation => ({
      phase: "settings",
      tool: "iptables",
      namespace: "campus.t2",
      lines: ["*filter", rule, "COMMIT"],
    });
    expect(script([restore("a"), restore("b")]).match(/iptables-restore <</g)).toHaveLength(2);
  });

  test("the path of a sandbox comes in when it is known", () => {
    const plug: ScriptOperation = {
      phase: "plug",
      tool: "ip",
      lines: ["link add x netns @SANDBOX@"],
      sandboxOf: "c",
    };
    const text = script([plug], new Map([["c", "/run/docker/netns/1a2b"]]));
    expect(text).toContain("link add x netns /run/docker/netns/1a2b\n");
  });

  test("a tenant whose block fails does not stop the next one's", () => {
    const text = changeScript(
      FLEET,
      "n0nce",
      claim,
      4,
      ["t1", "t2"].map((tenant) => ({ tenant, operations: [link(["x"])], sandboxes: new Map() })),
    );
    expect(text.match(/\( set -e/g)).toHaveLength(2);
  });

  test("of which only a part arrives is not begun", () => {
    const remove: ScriptOperation = { phase: "stop", tool: "remove-container", lines: ["0123456789ab"] };
    const text = script([link(["link set a up"]), remove]);
    // In the middle of what is removed, too: the shell takes the end of its input for the end of a here-document.
    const inId = text.indexOf("0123456789ab") + 4;
    for (const length of [
      inId,
      ...Array.from({ length: 20 }, (_, n) => Math.round(((n + 1) / 21) * text.length)),
    ])
      expect([length, parses(text.slice(0, length))]).toEqual([length, false]);
    expect(parses(text)).toBe(true);
  });

  test("is a script that a POSIX shell understands, and refuses an older epoch before it does anything", () => {
    const text = script([link(["link set a up"])]);
    expect(parses(text)).toBe(true);
    expect(text.indexOf("-le 7")).toBeLessThan(text.indexOf("link set a up"));
  });

  test.each([
    ["an older epoch, whosever it was", "6 held 0 other m x 4", 0],
    ["our own epoch", "7 held 0 abc m x 4", 0],
    ["the same epoch of another ledger", "7 held 0 other m x 4", 75],
    ["a newer epoch, even our own", "8 held 0 abc m x 4", 75],
    ["a change since the look", "7 held 0 abc m x 5", 76],
    ["a fence without a serial, from an older release, though one was seen", "7 held 0 abc m x", 76],
  ])("%s on the fence", (_, fence, status) => {
    const directory = mkdtempSync(join(tmpdir(), "evenkeel-fence-"));
    writeFileSync(join(directory, "fence"), `${fence}\n`);
    const input = script([]).replaceAll(fleetDirectory(FLEET), directory);
    const ended = spawnSync("sh", ["-s"], { input });
    const after = readFileSync(join(directory, "fence"), "utf8");
    rmSync(directory, { recursive: true });
    expect(ended.status).toBe(status);
    expect(after).toMatch(status === 0 ? /^7 held \d+ abc / : new RegExp(`^${fence}$`, "m"));
  });

  test("changes nothing while another change holds the hypervisor's lock", () => {
    const directory = mkdtempSync(join(tmpdir(), "evenkeel-lock-"));
    const input = script([]).replaceAll(fleetDirectory(FLEET), directory).replace("flock -w 30", "flock -n");
    const held = spawnSync("flock", [join(directory, "lock"), "sh", "-s"], { input, encoding: "utf8" });
    const files = readdirSync(directory);
    rmSync(directory, { recursive: true });
    expect(held).toMatchObject({ status: 1, stderr: expect.stringContaining("holds the lock") });
    expect(files).toEqual(["lock"]);
  });

  test("nothing that a manifest or a path may hold is ever read by the shell", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (line, path) => {
        const clean = line.replaceAll("\n", " ");
        fc.pre(clean !== ".EVENKEEL");
        const text = script([link([clean])], new Map(), { manifests: path.replaceAll("\0", "") });
        const marker = "PWNED";
        const hostile = script(
          [link([`'; echo ${marker} #`, `$(echo ${marker})`, `\`echo ${marker}\``])],
          new Map(),
          { manifests: `$(echo ${marker})` },
        );
        expect(parses(text.replaceAll("\0", ""))).toBe(true);
        // Quoted here-documents and encoded words: the marker is data wherever it stands.
        const outside = hostile.replace(/<<'\.EVENKEEL'\n[\s\S]*?\n\.EVENKEEL\n/g, "");
        expect(outside).not.toContain(`echo ${marker}`);
      }),
      { numRuns: 30 },
    );
  });
});

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { EvenkeelError, type ErrorCode } from "../../src/api/errors.ts";
import { type HypervisorName, type TenantName, trusted } from "../../src/api/names.ts";
import { BastionFiles } from "../../src/daemon/bastion-files.ts";
import type { Publication } from "../../src/hosts/publish.ts";
import { publishScript } from "../../src/hosts/publish.ts";
import { FENCED } from "../../src/hosts/render.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import type { TenantState } from "../../src/status/state.ts";
import { FLEET, T2 } from "./scenario.ts";

const CLAIM = { epoch: 3, ledger: "L1", holder: "ctl:1", manifests: "/m" };

describe("the script that publishes", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-publish-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const own = (...path: string[]): string => join(directory, FLEET, ...path);
  const files = [
    { tenant: T2, name: "state.json", text: `{"text": "a'b $(reboot) \`reboot\`\\n.EVENKEEL\\n"}\n` },
    { tenant: T2, name: "state.legacy.json", text: "{}\n" },
  ];
  function run(script = publishScript({ fleet: FLEET, claim: CLAIM, files })): number | null {
    const input = script.replaceAll("/var/lib/evenkeel", directory);
    return spawnSync("sh", ["-s"], { input, encoding: "utf8" }).status;
  }

  test("puts each file where everybody can read it, as it was given, over what is there", () => {
    mkdirSync(own("published/t2"), { recursive: true });
    writeFileSync(own("published/t2/state.json"), "old");
    expect(run()).toBe(0);
    expect(readdirSync(own("published/t2")).toSorted()).toEqual(["state.json", "state.legacy.json"]);
    for (const { name, text } of files) {
      expect(readFileSync(own("published/t2", name), "utf8")).toBe(text);
      expect(statSync(own("published/t2", name)).mode & 0o777).toBe(0o644);
    }
  });

  test("makes the fleet's own directory nobody else's", () => {
    expect(run()).toBe(0);
    expect([own(), own("published/t2")].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o755]);
  });

  test.each([
    ["a newer controller", "4 held 1 L1 ctl:2 /m 7\n", FENCED],
    ["another of the same epoch", "3 held 1 L2 ctl:2 /m 7\n", FENCED],
    ["ourselves", "3 held 1 L1 ctl:1 /m 7\n", 0],
    ["one before us", "2 free 1 L2 ctl:2 /m 7\n", 0],
  ])("where %s has been", (_, fence, status) => {
    mkdirSync(own(), { recursive: true });
    writeFileSync(own("fence"), fence);
    expect(run()).toBe(status);
    expect(existsSync(own("published"))).toBe(status === 0);
    expect(readFileSync(own("fence"), "utf8")).toBe(fence);
  });

  test("does nothing when only its beginning arrives", () => {
    const script = publishScript({ fleet: FLEET, claim: CLAIM, files });
    for (let length = 0; length < script.length - 3; length += 7) run(script.slice(0, length));
    expect(existsSync(own("published"))).toBe(false);
  });
});

describe("what bastions show", () => {
  const T1 = trusted<TenantName>("t1");
  const hv = (name: string) => trusted<HypervisorName>(name);
  const state = (tenant: TenantName, second: number, status = "idle"): TenantState =>
    ({
      metadata: { name: tenant },
      status,
      time: new Date(second * 1000).toISOString(),
      hypervisors: [],
      subnets: [],
    }) as unknown as TenantState;

  /** Tenants' bastions by hypervisor; what is published says so, and fails while there is a code. */
  function world(homes: Record<string, string>) {
    const told: string[] = [];
    const failing = new Map<string, ErrorCode>();
    const silent = new Set<string>();
    const host = (name: string) => ({
      publish: async ({ files }: Publication): Promise<void> => {
        const code = failing.get(name);
        if (code) throw new EvenkeelError(code, name);
        for (const { tenant, name: file, text } of files)
          told.push(`${name} ${tenant} ${file} ${/"status": "(\w+)"/.exec(text)?.[1] ?? ""}`);
      },
    });
    const memory = () => ({
      ...emptyMemory(FLEET),
      tenants: Object.fromEntries(
        Object.entries(homes).map(([name, hypervisor]) => [name, { bastion: hypervisor && { hypervisor } }]),
      ),
    });
    const files = new BastionFiles(
      {
        fleet: FLEET,
        claim: CLAIM,
        ledger: {
          get state() {
            return memory();
          },
        },
        hosts: new Map(["hv1", "hv2"].map((name) => [hv(name), host(name)])),
        reach: { silence: (name: string) => (silent.has(name) ? new Error("silent") : undefined) },
        log: { debug: () => {} },
      } as never,
      new AbortController().signal,
    );
    const write = async (...states: TenantState[]): Promise<string[]> => {
      told.length = 0;
      await files.write(states);
      return [...told];
    };
    return { files, homes, failing, silent, write };
  }

  test("is its own tenant's, in both formats, at its home; and nothing without a bastion", async () => {
    const { write } = world({ t1: "hv2", t2: "hv1" });
    expect((await write(state(T1, 0), state(T2, 0, "scaledup"), state(trusted("t3"), 0))).toSorted()).toEqual(
      [
        "hv1 t2 state.json scaledup",
        "hv1 t2 state.legacy.json ",
        "hv2 t1 state.json idle",
        "hv2 t1 state.legacy.json ",
      ],
    );
  });

  test("is written when something changed, when it moved, and else now and then", async () => {
    const { write, homes } = world({ t2: "hv1" });
    expect(await write(state(T2, 0))).toHaveLength(2);
    expect(await write(state(T2, 29))).toEqual([]);
    expect(await write(state(T2, 30))).toHaveLength(2);
    expect(await write(state(T2, 31, "scaledup"))).toHaveLength(2);
    homes["t2"] = "hv2";
    expect((await write(state(T2, 32, "scaledup")))[0]).toMatch(/^hv2 /);
    homes["t2"] = "hv1";
    expect((await write(state(T2, 33, "scaledup")))[0]).toMatch(/^hv1 /);
  });

  test("of a hypervisor that does not answer comes later, and holds no other up", async () => {
    const { write, failing, silent } = world({ t1: "hv1", t2: "hv2" });
    failing.set("hv1", "EK-HOST-UNREACHABLE");
    expect(await write(state(T1, 0), state(T2, 0))).toHaveLength(2);
    failing.clear();
    silent.add("hv1");
    expect(await write(state(T1, 1), state(T2, 1))).toEqual([]);
    silent.clear();
    expect(await write(state(T1, 2), state(T2, 2))).toHaveLength(2);
  });

  test("that a hypervisor refuses is told, when all others have theirs", async () => {
    const { files, write, failing } = world({ t1: "hv1", t2: "hv2" });
    failing.set("hv1", "EK-CHANGE-FAILED");
    await expect(files.write([state(T1, 0), state(T2, 0)])).rejects.toMatchObject({
      code: "EK-CHANGE-FAILED",
    });
    failing.clear();
    expect((await write(state(T1, 0), state(T2, 0)))[0]).toMatch(/^hv1 t1 /);
  });
});

import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Ipv4 } from "../../src/api/addresses.ts";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type HypervisorName, type Incarnation, trusted } from "../../src/api/names.ts";
import type { World } from "../../src/controllers/controller.ts";
import { healthController } from "../../src/controllers/health.ts";
import { probeAll } from "../../src/hosts/health.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import type { Shell } from "../../src/hosts/shell.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import type { FleetMemory } from "../../src/replicas/memory.ts";
import type { Check } from "../../src/replicas/spec.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { type Container, eventually, type Fleet, Lab, namespace, type Ran, tally } from "./lab.ts";

jest.setTimeout(90_000);

let lab: Lab;
let fleet: Fleet;

/** A path that would do something if a shell ever read it. */
const HOSTILE = "/healthz?$(touch${IFS}/tmp/pwned)`touch${IFS}/tmp/pwned`\"\\'[1-3]{a,b};#";

beforeAll(async () => {
  lab = await Lab.up("health");
  fleet = lab.fleet();
});
afterAll(() => lab.down());

const WEB = "tenants/t1/web.yaml";
const url = (): string => `http://${fleet.service("t1")}/`;
const said = ({ stdout, stderr }: Ran): string => stdout + stderr;

/** From now on t1's replicas are checked like this. */
function check(httpGet: string): void {
  const without = fleet.read(WEB).replace(/\n {2}healthCheck:.*\n/, "\n");
  const quoted = httpGet.replaceAll("'", "''");
  fleet.write(
    WEB,
    `${without}\n  healthCheck: {httpGet: {path: '${quoted}', port: http}, failureThreshold: 2}\n`,
  );
}

const fail = (of: Container): Promise<string> => lab.sh(of.hv, `docker exec ${of.id} touch /tmp/unhealthy`);
const recover = (of: Container): Promise<string> => lab.sh(of.hv, `docker exec ${of.id} rm /tmp/unhealthy`);

/** A gateway's hypervisor, reached without a controller. */
const host = new ShellHost({
  name: trusted<HypervisorName>("hv1"),
  run: async (script) => ({ state: "ended", ...(await lab.try("hv1", ["sh", "-s"], script)) }),
} as Partial<Shell> as Shell);

describe("a starting replica", () => {
  test("is not ready before its page answers as it should, however many there are", async () => {
    check("/nowhere");
    const ran = await lab.once(fleet, "--timeout", "8s");
    expect([ran.code, said(ran)]).toEqual([3, expect.stringMatching(/ReplicaNotReady/)]);
    expect((await lab.containers("t1")).map(({ running }) => running)).toEqual([true, true, true]);
    expect(tally(await lab.requests("client", url(), 2, 1))).toEqual({ none: 2 });
  });

  test("is when it does, and no shell has read what the manifest says", async () => {
    check(HOSTILE);
    await lab.converge(fleet);
    expect(tally(await lab.requests("client", url(), 6))).toEqual({ "web-1": 2, "web-2": 2, "web-3": 2 });
    for (const place of ["hv1", "hv2", "ctl"] as const)
      expect((await lab.try(place, ["ls", "/tmp/pwned"])).code).not.toBe(0);
  });
});

describe("a round of probes", () => {
  const ask = async (all: readonly Container[], change: Partial<Check>): Promise<(boolean | undefined)[]> => {
    const targets = all.map(({ incarnation, address, tenant }) => ({
      id: trusted<Incarnation>(incarnation),
      namespace: namespace(tenant),
      address: trusted<Ipv4>(address),
      check: { ...PAGE, ...change },
    }));
    const { answers } = await probeAll([{ host, targets }], new AbortController().signal);
    return targets.map(({ id }) => answers.get(id));
  };
  const PAGE: Check = {
    port: 8080,
    path: "/healthz",
    periodSeconds: 2,
    timeoutSeconds: 1,
    failureThreshold: 3,
    successThreshold: 1,
  };

  test("tells who answers, who answers that it is not well, who is too slow, and who has no such port", async () => {
    const all = await lab.containers("t1");
    const [first] = all;
    if (!first) throw new Error("t1 has no replica");
    await fail(first);
    expect(await ask(all, {})).toEqual([false, true, true]);
    await recover(first);
    expect(await ask(all, {})).toEqual([true, true, true]);
    expect(await ask(all, { path: HOSTILE })).toEqual([true, true, true]);
    expect(await ask(all, { path: "/slow?ms=1500" })).toEqual([false, false, false]);
    expect(await ask(all, { path: "/slow?ms=1500", timeoutSeconds: 3 })).toEqual([true, true, true]);
    expect(await ask(all, { port: 81 })).toEqual([false, false, false]);
    expect(await ask(all, { path: undefined })).toEqual([true, true, true]);
    expect(await ask(all, { path: undefined, port: 81 })).toEqual([false, false, false]);
  });

  test("serves two tenants with the same addresses, and says nothing of a gateway that is not there", async () => {
    const all = [...(await lab.containers("t1")), ...(await lab.containers("t2", "web"))];
    const [, , , other] = all;
    if (!other) throw new Error("t2 has no replica");
    await fail(other);
    expect(await ask(all, {})).toEqual([true, true, true, false, true, true]);
    await recover(other);
    const elsewhere = all.map((one) => ({ ...one, tenant: "t9" }));
    expect(await ask(elsewhere, {})).toEqual(all.map(() => undefined));
    expect(await ask(elsewhere, { path: undefined })).toEqual(all.map(() => undefined));
  });
});

describe("a serving replica that fails its check", () => {
  /** Rounds of the controller beside the ledger that `--once` left, and the look that it would have. */
  async function probed(rounds: number): Promise<void> {
    const file = join(fleet.state, "ledger.json");
    const ledger = new MemoryLedger(JSON.parse(readFileSync(file, "utf8")) as FleetMemory);
    const { reconcile } = healthController({
      fleet: trusted("campus"),
      ledger,
      hosts: new Map([[host.name, host]]),
      log: SILENT,
    } as unknown as World);
    const revision = await load(fleet.tree, { lastGood: new Map() });
    const signal = new AbortController().signal;
    let now = Date.now();
    for (let round = 0; round < rounds; round++, now += 2000)
      await reconcile(undefined, {
        revision,
        now: () => now,
        signal,
        log: SILENT,
        observation: {
          seen: new Map([[host.name, { containers: [], namespaces: new Map() } as never]]),
          unseen: new Map(),
        },
      });
    writeFileSync(file, JSON.stringify(ledger.state));
  }

  test("is out of the balancer, and replaced by one that serves first", async () => {
    check("/healthz");
    await lab.converge(fleet);
    const before = await lab.containers("t1");
    const [, sick] = before;
    if (!sick) throw new Error("t1 has no second replica");
    await fail(sick);
    await probed(2);
    const run = lab.begin("ctl", lab.command(fleet, "--once", "--timeout", "60s"));
    const nat = (): Promise<string> => lab.inTenant("hv1", "t1", "iptables-save -t nat");
    await eventually("it is out", async () => !(await nat()).includes(`${sick.address}:`));
    expect((await lab.containers("t1")).map(({ id }) => id)).toContain(sick.id);
    expect(tally(await lab.requests("client", url(), 4))).toEqual({ "web-1": 2, "web-3": 2 });
    expect(await run.ended).toBe(0);
    const after = await lab.containers("t1");
    expect(after.map(({ replica }) => replica)).toEqual(["web-1", "web-2", "web-3"]);
    expect(after.map(({ id }) => id)).not.toContain(sick.id);
    expect(before.filter(({ id }) => after.some((one) => one.id === id))).toHaveLength(2);
    expect(tally(await lab.requests("client", url(), 6))).toEqual({ "web-1": 2, "web-2": 2, "web-3": 2 });
  });
});

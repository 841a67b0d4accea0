import { describe, expect, test } from "@jest/globals";
import type { HypervisorName } from "../../src/api/names.ts";
import { type BatchResult, UNKNOWN } from "../../src/hosts/change.ts";
import { execute, type Outcome } from "../../src/hosts/execute.ts";
import { Fences } from "../../src/hosts/fences.ts";
import type { Host } from "../../src/hosts/host.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { RoundTrips } from "../../src/hosts/round-trips.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { FLEET, pass, scenario, T2 } from "./scenario.ts";

const { signal } = new AbortController();
const HV1 = "hv1" as HypervisorName;

/** Carries a tenant's first plan out at home, where batches come to this; and tells what was started there. */
async function first(...answers: BatchResult[]): Promise<Outcome & { readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const entries = pass(scenario()).filter(({ hypervisor }) => hypervisor === HV1);
  let batches = 0;
  const host = {
    name: HV1,
    change: async () => answers[Math.min(batches++, answers.length - 1)],
    containers: {
      imageId: async () => "sha256:web",
      start: async ({ name }: { readonly name: string }) => {
        asked.push(name);
        return { id: name, sandbox: `/run/${name}` };
      },
    },
  } as unknown as Host;
  const hosts = new Map([[HV1, host]]);
  const now = (): number => 0;
  const trips = new RoundTrips({
    fleet: FLEET,
    hosts,
    reach: new Reachability(now, 0),
    fences: new Fences(),
    members: 1,
    claim: () => ({ epoch: 1, ledger: "abc", holder: "here:1", manifests: "/srv" }),
    freeFence: () => false,
    keepsFence: false,
    lookSeconds: 10,
    changeSeconds: 60,
    signal,
    nonce: () => "n",
    now,
    schedule: () => () => {},
    turn: async () => {},
    count: new Map(),
    timed: undefined,
    log: SILENT,
  });
  const imageRules = () => ({ policy: "IfNotPresent" as const, checksum: undefined, order: [] });
  const images = new Images(now);
  const options = { tenant: T2, fleet: FLEET, hosts, trips, observed: [], images, imageRules, signal };
  return { ...(await execute(entries, options)), asked };
}

const well: BatchResult = { blocks: new Map([[T2, { ok: true, message: "" }]]), rest: "", ended: true };
const lost: BatchResult = { blocks: new Map(), rest: UNKNOWN, ended: false };
const failed: BatchResult = { blocks: new Map([[T2, { ok: false, message: "no" }]]), rest: "", ended: true };

describe("a plan that is carried out", () => {
  test("is done where all of it went well", async () => {
    const { done, failures, asked } = await first(well);
    expect(failures).toEqual([]);
    expect(done.length).toBeGreaterThan(10);
    expect(asked).toHaveLength(2);
  });

  test.each([
    ["whose answer was lost", lost],
    ["that failed", failed],
  ])("has nothing done by a batch %s, and starts nothing after it", async (_, answer) => {
    const { done, failures, started, asked } = await first(answer);
    expect(done).toEqual([]);
    expect(failures.map(({ name, message }) => [name, message])).toContainEqual([
      undefined,
      answer.rest || "no",
    ]);
    expect([started, asked]).toEqual([[], []]);
  });

  test("has nothing done when what comes after the start is lost; what was started is told", async () => {
    const { done, started } = await first(well, lost);
    expect(done).toEqual([]);
    expect(started).toHaveLength(2);
  });
});

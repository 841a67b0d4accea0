import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import { systemClock } from "../../src/clock/clock.ts";
import { differencesOf } from "../../src/cli/diff-text.ts";
import { foresee } from "../../src/cli/foresee.ts";
import { viewForesight } from "../../src/cli/observe-fleet.ts";
import { viewPlan } from "../../src/cli/plan-view.ts";
import type { World } from "../../src/controllers/controller.ts";
import { lookScript } from "../../src/facts/script.ts";
import type { ContainerSummary } from "../../src/facts/facts.ts";
import type { Host } from "../../src/hosts/host.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { VALID, write } from "./manifests-tree.ts";
import { FLEET } from "./scenario.ts";

const output = readFileSync("test/fixtures/look-hv1.txt", "utf8");
const containers = JSON.parse(
  readFileSync("test/fixtures/look-hv1.containers.json", "utf8"),
) as ContainerSummary[];

/** A hypervisor that lets itself be looked at, and throws at whoever wants anything else of it. */
function untouchable(name: string, asked: string[]): Host {
  const refuse = (what: string) => (): never => {
    throw new Error(`a dry command wanted to ${what} on ${name}`);
  };
  return new ShellHost({
    name: trusted<HypervisorName>(name),
    async run(script) {
      const nonce = /^N=(\S+)$/m.exec(script)?.[1] ?? "";
      if (script !== lookScript({ fleet: FLEET, nonce, draining: [] })) refuse(`run ${script}`)();
      asked.push(name);
      const stdout = output.replaceAll("#>n0nce", `#>${nonce}`);
      return { state: "ended", code: 0, stdout, stderr: "" };
    },
    containers: {
      list: async () => containers,
      imageId: refuse("ask for an image"),
      pull: refuse("pull an image"),
      start: refuse("start a container"),
      sandbox: refuse("ask for a sandbox"),
    },
    close: async () => {},
  });
}

describe("dry commands", () => {
  test("look once at each hypervisor, do nothing else there, and leave the ledger as it was", async () => {
    const revision = await load(write(VALID));
    const asked: string[] = [];
    const memory = emptyMemory(FLEET);
    const ledger = new MemoryLedger(memory);
    const world: World = {
      fleet: revision.fleet,
      ledger,
      hosts: new Map([...revision.hypervisors.keys()].map((name) => [name, untouchable(name, asked)])),
      claim: { epoch: 1, ledger: "abc", holder: "here:1", manifests: revision.directory },
      takeOver: false,
      images: new Images(Date.now),
      stays: false,
      reach: new Reachability(Date.now, 0),
      fences: new Fences(),
      count: new Map(),
      log: SILENT,
    };
    const { signal } = new AbortController();
    const foresight = await foresee(world, revision, { signal });
    const plan = viewPlan(foresight);
    const differences = differencesOf(foresight.result.tenants.flatMap(({ entries }) => entries));
    const view = viewForesight(foresight, systemClock.now());

    expect(asked.toSorted()).toEqual(["hv1", "hv2"]);
    expect([...world.count.values()]).toEqual([1, 1].map((looks) => ({ looks, changes: 0, probes: 0 })));
    expect(ledger.state).toBe(memory);
    // It was a real look: what stands there is known, and something else is asked for.
    expect(plan.hypervisors.map(({ state }) => state)).toEqual(["seen", "seen"]);
    expect(plan.tenants.flatMap(({ changes }) => changes)).toHaveLength(differences.length);
    expect(differences.length).toBeGreaterThan(0);
    expect(view.replicas.length).toBeGreaterThan(0);
  });
});

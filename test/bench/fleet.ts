import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { systemClock } from "../../src/clock/clock.ts";
import type { World } from "../../src/controllers/controller.ts";
import { passOver } from "../../src/controllers/pass.ts";
import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { observe } from "../../src/resources/index.ts";
import { lookAt } from "../../src/simulated/look.ts";
import { Simulation } from "../../src/simulated/simulation.ts";
import { SILENT } from "../../src/telemetry/log.ts";

/**
 * What a pass over a large fleet costs the controller alone, on simulated hypervisors: subnets per second with nothing to
 * do, and the longest time in which nothing else could run.
 *
 * Usage: fleet.mjs HYPERVISORS TENANTS SUBNETS-OF-EACH
 */
const [hypervisors = 10, tenants = 500, subnets = 2] = process.argv.slice(2).map(Number);
const ROUNDS = 5;
const LEAST_RATE = 1000;
/** Milliseconds. */
const MOST_BLOCKED = 50;

const directory = mkdtempSync(join(tmpdir(), "evenkeel-bench-"));
writeManifests();
const revision = await load(directory);
rmSync(directory, { recursive: true });
const [problem] = revision.problems;
if (problem) throw new Error(`${problem.file}:${problem.line}: ${problem.message}`);
const simulation = new Simulation([...revision.hypervisors.values()], systemClock.now);
for (const machine of simulation.machines) machine.images.set("evenkeel/web:1", "sha256:web");
const { signal } = new AbortController();
/** Answers come one by one, as over connections. */
let arrivals = Promise.resolve();
const hosts = simulation.hosts((_, perform) => {
  const answer = arrivals.then(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return perform();
  });
  arrivals = answer.then(
    () => undefined,
    () => undefined,
  );
  return answer;
});
const world: World = {
  fleet: revision.fleet,
  hosts,
  ledger: new MemoryLedger({ ...emptyMemory(revision.fleet), seen: [...hosts.keys()] }),
  claim: { epoch: 0, ledger: "", holder: "bench:1", manifests: directory },
  takeOver: true,
  stays: true,
  images: new Images(systemClock.now),
  reach: new Reachability(systemClock.now, 0),
  fences: new Fences(),
  count: new Map(),
  log: SILENT,
};

/** How many entries of a plan it took. */
async function pass(): Promise<number> {
  const { tenants: results } = await passOver(world, {
    revision,
    clock: systemClock,
    dryRun: false,
    signal,
    stop: signal,
    only: undefined,
    lookSeconds: 60,
    changeSeconds: 60,
    show: () => {},
  });
  return results.reduce((sum, { entries }) => sum + entries.length, 0);
}

const first = await timed(pass);
while ((await pass()) > 0);
const resources = simulation.machines.reduce((sum, machine) => {
  const facts = lookAt(machine, simulation.clients, { fleet: revision.fleet, draining: [] });
  return sum + observe(facts, revision.fleet).length;
}, 0);
const rounds = [];
for (let round = 0; round < ROUNDS; round++) rounds.push(await timed(pass));
const median = rounds.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
const longest = Math.max(...rounds.map((one) => one.longest));
const rate = (tenants * subnets * 1000) / median;
console.log(
  `${tenants * subnets} subnets, ${resources} resources on ${hypervisors} simulated hypervisors; first apply ${(first.milliseconds / 1000).toFixed(1)} s, in which nothing else ran for up to ${first.longest.toFixed(0)} ms`,
);
console.log(
  `  subnets a second with nothing to do   ${rate.toFixed(0).padStart(6)}     (at least ${LEAST_RATE})`,
);
console.log(
  `  longest time that nothing else ran    ${longest.toFixed(0).padStart(6)} ms  (at most ${MOST_BLOCKED})`,
);
process.exitCode = rate >= LEAST_RATE && longest <= MOST_BLOCKED ? 0 : 1;

/** How long something took, and the longest time in between in which nothing else could run. */
async function timed(work: () => Promise<unknown>): Promise<{ milliseconds: number; longest: number }> {
  const began = performance.now();
  let [last, block, isOver] = [began, 0, false];
  const tick = (): void => {
    const now = performance.now();
    block = Math.max(block, now - last);
    last = now;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  isOver = true;
  const milliseconds = performance.now() - began;
  await new Promise((resolve) => setImmediate(resolve));
  return { milliseconds, longest: block };
}

/** Writes a tree of that size. */
function writeManifests(): void {
  const file = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), `apiVersion: evenkeel.dev/v1alpha1\n${text}`);
  };
  const address = (network: number, index: number): string =>
    `198.${18 + network}.${index >> 8}.${index & 255}`;
  for (let h = 1; h <= hypervisors; h++)
    file(
      `provider/hv${h}.yaml`,
      `kind: Hypervisor
metadata: {name: hv${h}}
spec:
  fleet: campus
  connection: {ssh: {address: ${address(0, h)}, identityFile: id, hostKeys: ["SHA256:${"a".repeat(43)}"]}}
  underlay: {address: ${address(0, h)}, device: eth0}
  uplink: {device: edge, address: 198.19.255.${h}/16, gateway: 198.19.255.254}
  capacity: {replicas: 10000}
`,
    );
  for (let t = 1; t <= tenants; t++) {
    const home = 1 + (t % hypervisors);
    file(
      `provider/t${t}.yaml`,
      `kind: Tenant
metadata: {name: t${t}}
spec:
  primary: hv${home}
  standby: [{name: hv${1 + (home % hypervisors)}}]
  serviceAddresses: [${address(1, t * 4)}/30]
  quota: {subnets: ${subnets}, replicas: ${subnets * 6}}
`,
    );
    for (let s = 0; s < subnets; s++)
      file(
        `tenants/t${t}/s${s}.yaml`,
        `kind: Subnet
metadata: {name: s${s}}
spec:
  cidr: 10.13.${s}.0/24
  replicas: {min: 2, max: 6}
  workload:
    image: evenkeel/web:1
    ports: [{name: http, containerPort: 8080}]
    resources: {cpu: 500m, memory: 64Mi}
  service: {address: ${address(1, t * 4 + s)}, ports: [{name: http, port: 80, targetPort: http}]}
`,
      );
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type FleetName, type HypervisorName, type TenantName, trusted } from "../../src/api/names.ts";
import { systemClock } from "../../src/clock/clock.ts";
import type { World } from "../../src/controllers/controller.ts";
import { type PassResult, passOver } from "../../src/controllers/pass.ts";
import { CONTROLLERS } from "../../src/daemon/daemon.ts";
import { Live } from "../../src/daemon/live.ts";
import { measurePass } from "../../src/daemon/measure.ts";
import { Recorder } from "../../src/daemon/record.ts";
import { lookScript } from "../../src/facts/script.ts";
import { History } from "../../src/history/write.ts";
import { connect } from "../../src/hosts/connect.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { PROGRAMS, renderSections } from "../../src/hosts/render.ts";
import { FileLedger } from "../../src/ledger/file.ts";
import { type Ledger, MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import { operationsOf } from "../../src/plan/order.ts";
import { emptyMemory, type FleetMemory } from "../../src/replicas/memory.ts";
import type { ScriptOperation } from "../../src/resources/operation.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { openMetrics } from "../../src/telemetry/metrics.ts";

/**
 * Speed as ratios inside one process on open connections, median of five. The floor of a pass with nothing to do is the
 * bare look: the same script by one exec, its output thrown away. The daemon's pass has its ledger in a file, and is written
 * down and measured besides. The floor of a first apply is that look, the smallest
 * batch that does the same work (the operations alone: no lock, no fence, no block that may fail by itself), and the look
 * again, each by one exec on both hypervisors at once.
 *
 * Usage: bench.mjs TREE KEYS
 */
const ROUNDS = 5;
const [tree = "", keysDirectory = ""] = process.argv.slice(2);
const signal = new AbortController().signal;
const revision = await load(tree);
const fleet: FleetName = revision.fleet;
const shells = new Map(
  [...revision.hypervisors].map(([name, { spec }]) => {
    const { ssh } = spec.connection;
    return [name, connect(name, ssh ? { ssh } : { local: {} }, { keysDirectory })] as const;
  }),
);
const hosts = new Map([...shells].map(([name, shell]) => [name, new ShellHost(shell)]));
const TENANT = trusted<TenantName>("bench");

const known = { ...emptyMemory(fleet), seen: [...hosts.keys()] };
const newWorld = (ledger: Ledger = new MemoryLedger(known), stays = false): World => ({
  fleet,
  hosts,
  ledger,
  claim: { epoch: 0, ledger: "", holder: "bench:1", manifests: tree },
  takeOver: true,
  images: new Images(Date.now),
  stays,
  reach: new Reachability(Date.now, 0),
  fences: new Fences(),
  count: new Map(),
  log: SILENT,
});

async function pass(world: World, dryRun = false): Promise<PassResult> {
  const result = await passOver(world, {
    revision,
    clock: systemClock,
    dryRun,
    signal,
    stop: signal,
    only: undefined,
    lookSeconds: 30,
    changeSeconds: 60,
    show: () => {},
  });
  for (const { state, failures, notes } of result.tenants)
    if (state !== "converged")
      throw new Error(`not converged: ${JSON.stringify({ failures, notes }).slice(0, 600)}`);
  return result;
}

/** The daemon's pass, but for what it tells the terminal; with the memory of what stands. */
async function daemonPass(
  directory: string,
  memory: FleetMemory,
): Promise<{ readonly run: () => Promise<void>; readonly close: () => Promise<void> }> {
  const ledger = await FileLedger.open(directory, fleet, "bench:1");
  await ledger.update(() => memory);
  const world = newWorld(ledger, true);
  const live = new Live(ledger);
  const history = await History.open(directory, systemClock.nonce());
  const record = new Recorder(history, systemClock, (error) => {
    throw error;
  });
  const metrics = openMetrics({ version: "bench", controllers: CONTROLLERS });
  const run = async (): Promise<void> => {
    const began = systemClock.now();
    const result = await pass(world);
    live.passed(result, revision, systemClock.now());
    record.pass(result);
    measurePass(metrics, result, (systemClock.now() - began) / 1000);
  };
  const close = async (): Promise<void> => {
    await history.close();
    await ledger.close();
  };
  return { run, close };
}

const everywhere = (script: (name: HypervisorName) => string): Promise<unknown> =>
  Promise.all(
    [...shells].map(async ([name, shell]) => {
      const { code, stderr } = await shell.run(script(name), { deadlineSeconds: 60, signal });
      if (code !== 0) throw new Error(`${name}: exit ${code}: ${stderr.slice(0, 500)}`);
    }),
  );
/** What a look asks, the script and Docker's list beside it, with the answers left unread. */
const bareLook = (): Promise<unknown> =>
  Promise.all([
    everywhere(() => lookScript({ fleet, nonce: "n", draining: [] })),
    ...[...shells.values()].map((shell) => shell.containers.list(signal)),
  ]);

/** Takes the tenant away and waits until the kernel has let go of its VXLAN ids. */
const clear = (): Promise<unknown> =>
  everywhere(
    () => `for n in /run/netns/${fleet}.*; do [ -e "$n" ] || continue
  ip netns pids "\${n##*/}" | xargs -r kill; ip netns del "\${n##*/}"; done; rm -rf /run/evenkeel/${fleet}
for c in $(iptables -S | sed -n 's/^-N \\(EVENKEEL-.*\\)/\\1/p'); do iptables -D INPUT -j $c; iptables -F $c; iptables -X $c; done
rm -f /var/lib/evenkeel/${fleet}/fence; sleep 1.5`,
  );

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

await clear();
const { tenants: planned } = await pass(newWorld(), true);
const smallest = (name: HypervisorName): string => {
  const own = planned.flatMap(({ entries }) => entries).filter(({ hypervisor }) => hypervisor === name);
  const operations = operationsOf(own).filter((one): one is ScriptOperation => one.tool !== "engine");
  return `set -e; e=/dev/null\n${PROGRAMS}\n${renderSections(operations)}`;
};

const times: Record<"apply" | "applyFloor" | "quiet" | "daemon" | "look", number[]> = {
  apply: [],
  applyFloor: [],
  quiet: [],
  daemon: [],
  look: [],
};
for (let round = 0; round < ROUNDS; round++) {
  await clear();
  times.applyFloor.push(
    await timed(async () => {
      await bareLook();
      await everywhere(smallest);
      await bareLook();
    }),
  );
  await clear();
  const world = newWorld();
  times.apply.push(await timed(() => pass(world)));
  const directory = await mkdtemp(join(tmpdir(), "evenkeel-bench-"));
  const daemon = await daemonPass(directory, world.ledger.state);
  await daemon.run(); // its first takes hold
  for (let again = 0; again < 5; again++) {
    // Each after a bare look: what one leaves to do on a hypervisor, the next would pay for.
    times.look.push(await timed(bareLook));
    times.quiet.push(await timed(() => pass(world)));
    times.look.push(await timed(bareLook));
    times.daemon.push(await timed(daemon.run));
  }
  await daemon.close();
  await rm(directory, { recursive: true });
}
await clear();

const line = (what: string, time: readonly number[], floor: readonly number[], limit: number): boolean => {
  const ratio = median(time) / median(floor);
  console.log(
    `${what.padEnd(46)} ${median(time).toFixed(0).padStart(6)} ms  ${median(floor).toFixed(0).padStart(6)} ms  ${ratio.toFixed(2)}  (at most ${limit})`,
  );
  return ratio <= limit;
};
const subnets = revision.tenants.get(TENANT)?.subnets.size ?? 0;
console.log(`${"".padEnd(46)} ${"ours".padStart(9)}  ${"floor".padStart(9)}  ratio`);
const good = [
  line(`first apply of ${subnets} subnets' network, verified`, times.apply, times.applyFloor, 1.5),
  line("a pass with nothing to do", times.quiet, times.look, 1.5),
  line("the daemon's pass with nothing to do", times.daemon, times.look, 1.3),
];
for (const host of hosts.values()) await host.close();
process.exitCode = good.every(Boolean) ? 0 : 1;

import { performance } from "node:perf_hooks";
import { type FleetName, type HypervisorName, type TenantName, trusted } from "../../src/api/names.ts";
import { systemClock } from "../../src/clock/clock.ts";
import type { World } from "../../src/controllers/controller.ts";
import { passOver } from "../../src/controllers/pass.ts";
import { lookScript } from "../../src/facts/script.ts";
import { connect } from "../../src/hosts/connect.ts";
import type { Host } from "../../src/hosts/host.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { PROGRAMS, renderSections } from "../../src/hosts/render.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import { operationsOf } from "../../src/plan/order.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import type { ScriptOperation } from "../../src/resources/operation.ts";
import { SILENT } from "../../src/telemetry/log.ts";

/**
 * Speed as ratios inside one process on open connections, median of five. The floor of a pass with nothing to do is the
 * bare look: the same script by one exec, its output thrown away. The floor of a first apply is that look, the smallest
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
const hosts = new Map<HypervisorName, Host>(
  [...revision.hypervisors].map(([name, { spec }]) => {
    const { ssh } = spec.connection;
    return [name, connect(name, ssh ? { ssh } : { local: {} }, { keysDirectory })];
  }),
);
const TENANT = trusted<TenantName>("bench");

const newWorld = (): World => ({
  fleet,
  hosts,
  ledger: new MemoryLedger({ ...emptyMemory(fleet), seen: [...hosts.keys()] }),
  claim: { epoch: 0, ledger: "", holder: "bench:1", manifests: tree },
  takeOver: true,
  images: new Images(Date.now),
  stays: false,
  reach: new Reachability(Date.now, 0),
  count: new Map(),
  log: SILENT,
});

async function pass(world: World, dryRun: boolean): Promise<readonly PlanEntry[]> {
  const { tenants } = await passOver(world, {
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
  for (const { state, failures, notes } of tenants)
    if (state !== "converged")
      throw new Error(`not converged: ${JSON.stringify({ failures, notes }).slice(0, 600)}`);
  return tenants.flatMap(({ entries }) => entries);
}

const everywhere = (script: (name: HypervisorName) => string): Promise<unknown> =>
  Promise.all(
    [...hosts].map(async ([name, host]) => {
      const { code, stderr } = await host.run(script(name), { deadlineSeconds: 60, signal });
      if (code !== 0) throw new Error(`${name}: exit ${code}: ${stderr.slice(0, 500)}`);
    }),
  );
const bareLook = (): Promise<unknown> => everywhere(() => lookScript({ fleet, nonce: "n", draining: [] }));

/** Takes the tenant away and waits until the kernel has let go of its VXLAN ids. */
const clear = (): Promise<unknown> =>
  everywhere(
    () => `for n in /run/netns/${fleet}.*; do [ -e "$n" ] && ip netns del "\${n##*/}"; done
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
const entries = await pass(newWorld(), true);
const smallest = (name: HypervisorName): string => {
  const own = entries.filter(({ hypervisor }) => hypervisor === name);
  const operations = operationsOf(own).filter((one): one is ScriptOperation => one.tool !== "engine");
  return `set -e; e=/dev/null\n${PROGRAMS}\n${renderSections(operations)}`;
};

const times: Record<"apply" | "applyFloor" | "quiet" | "look", number[]> = {
  apply: [],
  applyFloor: [],
  quiet: [],
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
  times.apply.push(await timed(() => pass(world, false)));
  for (let again = 0; again < 3; again++) {
    times.look.push(await timed(bareLook));
    times.quiet.push(await timed(() => pass(world, false)));
  }
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
];
for (const host of hosts.values()) await host.close();
process.exitCode = good.every(Boolean) ? 0 : 1;

import { performance } from "node:perf_hooks";
import { type FleetName, type TenantName, trusted } from "../../src/api/names.ts";
import { systemClock } from "../../src/clock/clock.ts";
import type { World } from "../../src/controllers/controller.ts";
import { passOver } from "../../src/controllers/pass.ts";
import { lookScript, VIRSH } from "../../src/facts/script.ts";
import { connect } from "../../src/hosts/connect.ts";
import { domainXml } from "../../src/hosts/domain-xml.ts";
import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { PROGRAMS, renderSections } from "../../src/hosts/render.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import { operationsOf } from "../../src/plan/order.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { type DomainRequest, PHASES } from "../../src/resources/operation.ts";
import { uuidOf } from "../../src/resources/marks.ts";
import { SILENT } from "../../src/telemetry/log.ts";

/**
 * Virtual machines, as ratios against doing the same by hand, medians of three in one run: from nothing to the first HTTP
 * answer, against `virsh start` of the same domain, its taps moved by one batch of ip; and a look at fifty domains, against
 * the two calls of virsh that it makes.
 *
 * Usage: machines.mjs TREE KEYS
 */
const ROUNDS = 3;
const MACHINES = 50;
const [tree = "", keysDirectory = ""] = process.argv.slice(2);
const signal = new AbortController().signal;
const revision = await load(tree);
const fleet: FleetName = revision.fleet;
const [first] = revision.hypervisors.values();
if (!first) throw new Error("no hypervisor");
const { name } = first.metadata;
const { ssh } = first.spec.connection;
const shell = connect(name, ssh ? { ssh } : { local: {} }, { keysDirectory });
const host = new ShellHost(shell);
const TENANT = trusted<TenantName>("bench");

const run = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await shell.run(script, { deadlineSeconds: 120, signal });
  if (code !== 0) throw new Error(`exit ${code}: ${stderr.slice(0, 500)}${stdout.slice(0, 200)}`);
  return stdout;
};

const world: World = {
  fleet,
  hosts: new Map([[name, host]]),
  ledger: new MemoryLedger({ ...emptyMemory(fleet), seen: [name] }),
  claim: { epoch: 0, ledger: "", holder: "bench:1", manifests: tree },
  takeOver: true,
  images: new Images(Date.now),
  stays: false,
  reach: new Reachability(Date.now, 0),
  fences: new Fences(),
  count: new Map(),
  log: SILENT,
};
let entries: PlanEntry[] = [];
const pass = () =>
  passOver(world, {
    revision,
    clock: systemClock,
    dryRun: false,
    signal,
    stop: signal,
    only: [TENANT],
    lookSeconds: 30,
    changeSeconds: 60,
    show: (_, some) => {
      entries = [...entries, ...some];
    },
  });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** Asks until there is an answer. */
const answers = (request: DomainRequest): Promise<string> =>
  run(`until nsenter --net=/run/netns/${fleet}.${TENANT} curl -sf -m 1 -o /dev/null \\
    http://${request.interfaces[0]?.address.split("/")[0]}:8080/healthz 2>/dev/null; do sleep 0.02; done`);

const requestIn = (some: readonly PlanEntry[]): DomainRequest => {
  const found = some
    .flatMap(({ operations }) => operations)
    .flatMap((one) => (one.tool === "domain-start" ? [one.request] : []));
  if (!found[0]) throw new Error("no machine was started");
  return found[0];
};

/** Everything of the tenant is made once, so that what is measured is the machine alone. */
await pass();
const [begun] = [requestIn(entries)];
await answers(begun);
await pass(); // which sees that it serves
const after = PHASES.indexOf("start");

/** Ours: the machine is gone, as if killed; a pass sees that and brings it to its answer. */
async function ours(): Promise<void> {
  entries = [];
  await Promise.all([started(), answers(begun)]);
}

async function started(): Promise<void> {
  const { tenants } = await pass();
  const { failures = [], notes = [] } = tenants[0] ?? {};
  if (failures.length > 0) throw new Error(JSON.stringify(failures).slice(0, 600));
  if (!entries.some(({ operations }) => operations.some(({ tool }) => tool === "domain-start")))
    throw new Error(`not started: ${JSON.stringify(notes).slice(0, 600)}`);
}
const stop = () => run(`${VIRSH} destroy ${begun.uuid} >/dev/null`);

const [mine, byHand]: [number[], number[]] = [[], []];
let links = "";
for (let round = 0; round < ROUNDS; round++) {
  await stop();
  mine.push(await timed(ours));
  // The same operations that came after the start, but for the resume: moving, locking, raising its taps.
  links ||= renderSections(
    operationsOf(entries).filter(
      (one) =>
        one.tool !== "engine" &&
        one.tool !== "domain-start" &&
        one.tool !== "domain" &&
        PHASES.indexOf(one.phase) > after &&
        one.phase !== "balance",
    ) as never,
    new Map([[begun.name, ""]]),
  );
  await stop();
  byHand.push(
    await timed(async () => {
      const started = run(`set -e; e=/dev/null\n${PROGRAMS}\n${VIRSH} start ${begun.uuid} --paused >/dev/null
${links}\n${VIRSH} resume ${begun.uuid} >/dev/null`);
      await Promise.all([started, answers(begun)]);
    }),
  );
}

/** Fifty domains that are off, of the same fleet. */
const crowd = Array.from({ length: MACHINES }, (_, index): DomainRequest => {
  const other = `${fleet}.bench.crowd-${index}.${String(index).padStart(8, "a")}`;
  return { ...begun, name: other, uuid: uuidOf(other), interfaces: [] };
});
const files = { images: "/nowhere", own: "/nowhere" };
await run(
  crowd
    .map((one) => `${VIRSH} define /dev/stdin >/dev/null <<'XML'\n${domainXml(one, files)}\nXML\n`)
    .join(""),
);
const look = { fleet, draining: [], freeFence: false, ledger: "", lookSeconds: 30, signal, nonce: () => "n" };
const names = [begun, ...crowd].map((one) => `dumpxml ${one.name}`).join(";");
const twoCalls = `${lookScript({ fleet: trusted("nobody"), nonce: "n", draining: [] })}
${VIRSH} list --all --name >/dev/null; ${VIRSH} "list --all; ${names}"`;
const [looks, floors]: [number[], number[]] = [[], []];
for (let round = 0; round < ROUNDS; round++) {
  looks.push(await timed(() => host.look(look)));
  floors.push(await timed(() => Promise.all([run(twoCalls), shell.containers.list(signal)])));
}
await run(crowd.map(({ uuid }) => `${VIRSH} undefine ${uuid} >/dev/null\n`).join(""));

const line = (what: string, time: readonly number[], floor: readonly number[], limit: number): boolean => {
  const ratio = median(time) / median(floor);
  console.log(
    `${what.padEnd(46)} ${median(time).toFixed(0).padStart(6)} ms  ${median(floor).toFixed(0).padStart(6)} ms  ${ratio.toFixed(2)}  (at most ${limit})`,
  );
  return ratio <= limit;
};
console.log(`\n${"".padEnd(46)} ${"ours".padStart(9)}  ${"by hand".padStart(9)}  ratio`);
const good = [
  line("a machine, from off to its first HTTP answer", mine, byHand, 1.15),
  line(`a look at ${MACHINES} machines`, looks, floors, 1.25),
];
await host.close();
process.exit(good.every(Boolean) ? 0 : 1);

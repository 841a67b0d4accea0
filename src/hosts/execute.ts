import type { HypervisorName, TenantName } from "../api/names.ts";
import { isBeforeStart, operationsOf } from "../plan/order.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { BatchOperation, EngineOperation, Operation, ScriptOperation } from "../resources/operation.ts";
import type { Resource } from "../resources/resource.ts";
import { isRunner } from "../resources/workload.ts";
import { type Failure, failureOf } from "./failure.ts";
import { bringBastionKey } from "./bastion-key.ts";
import { type ImageOptions, othersOf, withoutImage } from "./image-check.ts";
import type { Block } from "./render.ts";
import type { RoundTrips } from "./round-trips.ts";

/** An entry that was left for later, and for what; undefined where that follows from another one. */
export interface Waiting {
  readonly entry: PlanEntry;
  readonly why: string | undefined;
}

/** What came of a plan: which entries took effect as far as is known, and what failed. */
export interface Outcome {
  readonly done: readonly PlanEntry[];
  readonly failures: readonly Failure[];
  /** Names of the workloads that were told to start, however that came out. */
  readonly started: readonly string[];
  /** Entries that were left for later: the image they need is still on its way, or others have to be started first. */
  readonly waiting: readonly Waiting[];
}

export interface ExecuteOptions extends ImageOptions {
  readonly tenant: TenantName;
  readonly trips: RoundTrips;
  /** The tenant's resources, to find the containers that ports are put into. */
  readonly observed: readonly Resource[];
}

/** Virtual machines that a hypervisor starts in one batch: more at once only make each other slower, and the batch too long. */
const DOMAINS_AT_ONCE = 8;

/**
 * Carries a plan out: one batch a hypervisor, or two where workloads are started in between, hypervisors side by side.
 * Containers are started over Docker's interface, virtual machines at the end of the first batch. It never throws for what a hypervisor refuses: the next look tells what is true.
 */
export async function execute(entries: readonly PlanEntry[], options: ExecuteOptions): Promise<Outcome> {
  const failures: Failure[] = [];
  const byHost = new Map<HypervisorName, PlanEntry[]>();
  for (const entry of entries) byHost.set(entry.hypervisor, [...(byHost.get(entry.hypervisor) ?? []), entry]);
  const running = await runningSandboxes(entries, options, failures);
  const starting = new Set([...byHost.keys()].filter((name) => byHost.get(name)?.some(startsWorkload)));
  const crowd = [...byHost.values()].flatMap((own) => own.filter(startsDomain).slice(DOMAINS_AT_ONCE));
  const late = new Set(crowd.map(({ name }) => name));
  const isLate = (entry: PlanEntry): boolean => {
    const workload = startsWorkload(entry) ? entry.name : sandboxNeeded(entry);
    return workload !== undefined && late.has(workload);
  };

  // Machines start in the first batch, so that what they are made of has to be there before it.
  const diskless = await withoutImage(
    entries.filter((entry) => startsDomain(entry) && !isLate(entry)),
    options,
    failures,
  );
  for (const name of diskless.keys()) late.add(name);

  const first = blocks(byHost, options.tenant, running, failures, (entry, operation) =>
    starting.has(entry.hypervisor)
      ? isBeforeStart(operation) || (operation.tool === "domain-start" && !isLate(entry))
      : true,
  );
  const [imageless, domains] = await Promise.all([
    withoutImage(entries.filter(startsContainer), options, failures),
    runBlocks(first, options, failures),
  ]);
  for (const name of imageless.keys()) late.add(name);
  const ready = (name: HypervisorName) => (byHost.get(name) ?? []).filter((entry) => !isLate(entry));
  const hasStarted = (entry: PlanEntry): boolean => !startsDomain(entry) || domains.has(entry.name);
  // A hypervisor that refused its batch, because another controller has taken it over or for any other reason, starts nothing.
  const refused = new Set(
    failures.flatMap(({ hypervisor, name }) => (name === undefined ? [hypervisor] : [])),
  );
  // guard: fence
  const toStart = [...starting].filter((name) => !refused.has(name));
  const started = await Promise.all(
    toStart.map((name) => startContainers(name, ready(name), options, failures)),
  );
  const sandboxes = new Map([...running, ...domains, ...started.flatMap((map) => [...map])]);
  const last = blocks(
    new Map([...byHost.keys()].map((name) => [name, ready(name).filter(hasStarted)])),
    options.tenant,
    sandboxes,
    failures,
    ({ hypervisor }, operation) =>
      starting.has(hypervisor) && !isBeforeStart(operation) && operation.tool !== "domain-start",
  );
  await runBlocks(last, options, failures);

  const failed = ({ hypervisor, name }: PlanEntry): boolean =>
    failures.some((one) => one.hypervisor === hypervisor && (one.name ?? name) === name);
  // guard: unknown outcome is not success
  const undone = (entry: PlanEntry): boolean => failed(entry) || isLate(entry);
  return {
    done: entries.filter((entry) => !undone(entry)),
    failures,
    started: toStart.flatMap((name) => ready(name).filter(startsWorkload)).map(({ name }) => name),
    waiting: entries
      .filter((entry) => isLate(entry) && !failed(entry))
      .map((entry) => ({ entry, why: diskless.get(entry.name) ?? imageless.get(entry.name) })),
  };
}

const isEngine = (operation: Operation): operation is EngineOperation => operation.tool === "engine";
const isBatch = (operation: Operation): operation is BatchOperation => operation.tool !== "engine";
const isScript = (operation: Operation): operation is ScriptOperation =>
  isBatch(operation) && operation.tool !== "domain-start";
const startsContainer = ({ operations }: PlanEntry): boolean => operations.some(isEngine);
const startsDomain = ({ operations }: PlanEntry): boolean =>
  operations.some(({ tool }) => tool === "domain-start");
const startsWorkload = (entry: PlanEntry): boolean => startsContainer(entry) || startsDomain(entry);
const sandboxNeeded = ({ operations }: PlanEntry): string | undefined =>
  operations.filter(isScript).find(({ sandboxOf }) => sandboxOf !== undefined)?.sandboxOf;

/** Stands for the sandbox of a virtual machine, which has none. */
const NO_SANDBOX = "";

/** Sandboxes of workloads that run already and get a port again. */
async function runningSandboxes(
  entries: readonly PlanEntry[],
  { hosts, observed, signal }: ExecuteOptions,
  failures: Failure[],
): Promise<Map<string, string>> {
  const started = new Set(entries.filter(startsWorkload).map(({ name }) => name));
  const wanted = new Map<string, PlanEntry>();
  for (const entry of entries) {
    const container = sandboxNeeded(entry);
    if (container !== undefined && !started.has(container)) wanted.set(container, entry);
  }
  const found = new Map<string, string>();
  await Promise.all(
    [...wanted].map(async ([container, { hypervisor }]) => {
      if (observed.some(({ kind, name }) => kind === "domain" && name === container)) {
        found.set(container, NO_SANDBOX);
        return;
      }
      const id = observed.filter(isRunner).find(({ name }) => name === container)?.state.id;
      try {
        const path = id && (await hosts.get(hypervisor)?.containers.sandbox(id, signal));
        if (path) found.set(container, path);
      } catch (error) {
        failures.push(failureOf(hypervisor, container, error));
      }
    }),
  );
  return found;
}

/** The blocks of one round; an entry whose sandbox is not known is left out and counted as failed. */
function blocks(
  byHost: ReadonlyMap<HypervisorName, readonly PlanEntry[]>,
  tenant: TenantName,
  sandboxes: ReadonlyMap<string, string>,
  failures: Failure[],
  choose: (entry: PlanEntry, operation: BatchOperation) => boolean,
): Map<HypervisorName, Block> {
  const result = new Map<HypervisorName, Block>();
  for (const [hypervisor, entries] of byHost) {
    const possible = entries.filter((entry) => {
      const container = sandboxNeeded(entry);
      const now = entry.operations
        .filter(isScript)
        .some((one) => one.sandboxOf !== undefined && choose(entry, one));
      if (!now || container === undefined || sandboxes.has(container)) return true;
      const message = `${container} does not run`;
      failures.push({ hypervisor, name: entry.name, reason: "ChangeFailed", message });
      return false;
    });
    const chosen = possible.map((entry) => ({
      ...entry,
      operations: entry.operations.filter((one) => isBatch(one) && choose(entry, one)),
    }));
    const operations = operationsOf(chosen).filter(isBatch);
    if (operations.length > 0) result.set(hypervisor, { tenant, operations, sandboxes });
  }
  return result;
}

/** @returns the virtual machines that were started, as if by their sandboxes */
async function runBlocks(
  all: ReadonlyMap<HypervisorName, Block>,
  { trips }: ExecuteOptions,
  failures: Failure[],
): Promise<Map<string, string>> {
  const started = new Map<string, string>();
  if (all.size === 0) return started;
  for (const [hypervisor, { ok, message }] of await trips.change(all)) {
    if (!ok) failures.push({ hypervisor, name: undefined, reason: "ChangeFailed", message });
    else
      for (const name of domainsIn(all.get(hypervisor))) {
        const trouble = message.split("\n").find((line) => line.startsWith(`${name}: `));
        if (trouble === undefined) started.set(name, NO_SANDBOX);
        else
          failures.push({
            hypervisor,
            name,
            reason: "ChangeFailed",
            message: trouble.slice(name.length + 2),
          });
      }
  }
  return started;
}

const domainsIn = (block: Block | undefined): string[] =>
  (block?.operations ?? []).flatMap((one) => (one.tool === "domain-start" ? [one.request.name] : []));

async function startContainers(
  hypervisor: HypervisorName,
  entries: readonly PlanEntry[],
  options: ExecuteOptions,
  failures: Failure[],
): Promise<Map<string, string>> {
  const { hosts, signal } = options;
  const started = new Map<string, string>();
  const host = hosts.get(hypervisor);
  if (!host) return started;
  await Promise.all(
    entries
      .flatMap(({ operations }) => operations.filter(isEngine))
      .map(async ({ request }) => {
        try {
          await bringBastionKey(request, { host, others: othersOf(host, undefined, options) }, signal);
          started.set(request.name, (await host.containers.start(request, signal)).sandbox);
        } catch (error) {
          failures.push(failureOf(hypervisor, request.name, error));
        }
      }),
  );
  return started;
}

import { systemClock } from "../clock/clock.ts";
import type { Revision } from "../manifests/revision.ts";
import { namespaceOf } from "../resources/marks.ts";
import { readMemory } from "../ledger/file.ts";
import { withInstruction } from "../replicas/instruction.ts";
import { begin } from "./begin.ts";
import { confirm } from "./confirm.ts";
import { converge, LOOK_SECONDS } from "./converge.ts";
import { describeDown, describeGone, describeTaken } from "./down-text.ts";
import { foresee } from "./foresee.ts";
import { type Interrupt, onInterrupt } from "./interrupt.ts";
import { isNothing } from "./lines.ts";
import { describeOutcome } from "./once-text.ts";
import { outcomeOf } from "./outcome.ts";
import { viewPlan } from "./plan-view.ts";
import { coloursFor } from "./problems.ts";
import { Progress, sinceNow } from "./progress.ts";
import type { Session, SessionOptions } from "./session.ts";
import { answer, sameDirectory, tell } from "./streams.ts";
import { argumentOf, isDescribed, mustBeKnown, parseTarget, type Target, titleOf } from "./target.ts";

export interface DownOptions extends SessionOptions {
  /** Seconds. */
  readonly timeout: number;
  readonly namespace?: string;
  readonly yes?: boolean;
  readonly verbose?: boolean;
}

/** `reconcile down`: takes a tenant or subnet off the hypervisors, and holds it down until its files go. */
export async function down(word: string, directory: string, options: DownOptions): Promise<number> {
  const target = parseTarget(word, options.namespace);
  const session = await begin(directory, options, { hold: "or-instruct" });
  const interrupt = onInterrupt((text) => tell(`${text}\n`));
  try {
    const { ledger } = session.world;
    mustBeKnown(target, session.revision, ledger.state);
    if (!(await isMeant(session, target, options, interrupt))) {
      tell("Nothing was done.\n");
      return interrupt.exitCode ?? 1;
    }
    await session.say({ say: "down", target });
    if (session.hasDaemon) return await awaitDown(session, target, interrupt, { ...options, directory });
    return await takeDown(session, target, interrupt, { ...options, directory });
  } finally {
    interrupt.release();
    await session.close();
  }
}

/** Shows what would go, and asks whether that is meant. */
async function isMeant(
  session: Session,
  target: Target,
  options: DownOptions,
  interrupt: Interrupt,
): Promise<boolean> {
  const { world, revision } = session;
  const memory = withInstruction(world.ledger.state, { say: "down", target });
  const signal = interrupt.stop;
  const view = viewPlan(await foresee(world, revision, { only: [target.tenant], signal, memory }));
  const connections = await countConnections(session, target, signal);
  const colours = coloursFor(process.stdout);
  answer(describeDown(target, view, { connections, others: othersThan(target, revision), colours }));
  if (isNothing(view.totals) || options.yes) return true;
  const name = target.subnet ?? target.tenant;
  return confirm(
    `Type the ${target.subnet === undefined ? "tenant" : "subnet"}'s name to go on: `,
    name,
    signal,
  );
}

const othersThan = ({ tenant }: Target, { tenants }: Revision): string[] =>
  [...tenants.keys()].filter((name) => name !== tenant);

/** Connections that are open through the gateway now; undefined when they could not be counted. */
async function countConnections(
  { world, revision }: Session,
  { tenant, subnet }: Target,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { fleet, hosts, ledger } = world;
  const memory = ledger.state.tenants[tenant];
  const home = memory?.primary ?? revision.tenants.get(tenant)?.tenant?.spec.primary;
  const host = home && hosts.get(home);
  if (!host) return undefined;
  const namespace = namespaceOf(fleet, tenant);
  const { nonce } = systemClock;
  const options = { fleet, freeFence: false, ledger: "", lookSeconds: LOOK_SECONDS, signal, nonce };
  const facts = await host.look({ ...options, draining: [namespace] }).catch(() => undefined);
  const counted = facts?.namespaces.get(namespace)?.connections;
  if (!counted) return undefined;
  const own = new Set<string>(
    memory?.replicas
      .filter((one) => subnet === undefined || one.subnet === subnet)
      .map(({ address }) => address),
  );
  return Object.entries(counted).reduce(
    (sum, [address, number]) => (own.has(address) ? sum + number : sum),
    0,
  );
}

/** How often it is asked what the daemon has done, in milliseconds. */
const ASK_AGAIN = 1_000;

/** Watches the daemon take it down. */
async function awaitDown(
  { world, revision, stateDirectory }: Session,
  target: Target,
  interrupt: Interrupt,
  { directory, timeout }: DownOptions & { readonly directory: string },
): Promise<number> {
  const { tenant, subnet } = target;
  const until = systemClock.now() + timeout * 1000;
  tell("The daemon takes it down.\n");
  while (systemClock.now() < until && !interrupt.stop.aborted) {
    const memory = await readMemory(stateDirectory, world.fleet);
    const view = viewPlan(await foresee(world, revision, { only: [tenant], signal: interrupt.stop, memory }));
    const replicas = memory.tenants[tenant]?.replicas ?? [];
    const isGone = !replicas.some((one) => subnet === undefined || one.subnet === subnet);
    if (isGone && isNothing(view.totals)) {
      const hasFiles = isDescribed(revision, target);
      const where = view.hypervisors.map(({ name }) => name).join(", ");
      answer(describeTaken(target, where, [], { directory, hasFiles, colours: coloursFor(process.stdout) }));
      return 0;
    }
    await systemClock.sleep(ASK_AGAIN, interrupt.stop).catch(() => {});
  }
  tell(
    `${titleOf(target)} stays held down; the daemon goes on with it: reconcile events ${argumentOf(target)}\n`,
  );
  return interrupt.exitCode ?? 3;
}

async function takeDown(
  { world, revision }: Session,
  target: Target,
  interrupt: Interrupt,
  { directory, timeout, verbose = false }: DownOptions & { readonly directory: string },
): Promise<number> {
  const at = sinceNow(systemClock.now);
  const progress = new Progress({ write: tell, colours: coloursFor(process.stderr), verbose, at });
  const run = await converge(world, revision, {
    only: [target.tenant],
    timeoutSeconds: timeout,
    interrupt,
    show: progress.begin,
    passed: ({ tenants }) => progress.passed(tenants),
  });
  const outcome = outcomeOf(revision, run, {
    trips: world.count,
    detailed: false,
    interrupted: interrupt.exitCode,
  });
  const colours = coloursFor(process.stdout);
  if (outcome.ending !== "converged") {
    answer(describeOutcome(outcome, sameDirectory(directory), colours));
    tell(`${titleOf(target)} stays held down: reconcile down, or --once, goes on with it.\n`);
    return outcome.exitCode;
  }
  const hasFiles = isDescribed(revision, target);
  answer(describeGone(target, outcome, { directory, hasFiles, colours }));
  return outcome.exitCode;
}

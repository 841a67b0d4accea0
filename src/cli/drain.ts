import { EvenkeelError } from "../api/errors.ts";
import { entriesOf } from "../api/records.ts";
import { type HypervisorName, replicaName, type TenantName, trusted } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import { readMemory } from "../ledger/file.ts";
import type { Instruction } from "../replicas/instruction.ts";
import type { FleetMemory, ReplicaMemory } from "../replicas/memory.ts";
import { isActive } from "../replicas/phase.ts";
import { begin } from "./begin.ts";
import { converge } from "./converge.ts";
import { notFound } from "./seen.ts";
import { type Interrupt, onInterrupt } from "./interrupt.ts";
import { coloursFor } from "./problems.ts";
import { Progress, sinceNow } from "./progress.ts";
import type { Session, SessionOptions } from "./session.ts";
import { answer, sameDirectory, tell } from "./streams.ts";
import { oneOf } from "./wish.ts";
import { plural } from "./words.ts";

export interface DrainOptions extends SessionOptions {
  /** Seconds. */
  readonly timeout: number;
  readonly namespace?: string;
  readonly verbose?: boolean;
}

/** What is to be drained, and how far that is. */
interface Task {
  readonly instruction: Instruction;
  /** `hypervisor/hv2`, `replica/web-3 -n t2`. */
  readonly title: string;
  /** Replicas that have still to go. */
  readonly left: (memory: FleetMemory) => number;
  /** What is so when none is left. */
  readonly done: string;
}

/** `reconcile drain`: every replica of a hypervisor moves, or one is replaced; make before break, one at a time. */
export async function drain(word: string, directory: string, options: DrainOptions): Promise<number> {
  const session = await begin(directory, options, { hold: "or-instruct" });
  const interrupt = onInterrupt((text) => tell(`${text}\n`));
  try {
    const task = taskOf(word, options.namespace, session, directory);
    await session.say(task.instruction);
    const isDone = session.hasDaemon
      ? await awaitDaemon(session, task, interrupt, options)
      : await carryOut(session, task, interrupt, options);
    if (isDone) {
      answer(`${task.done}\n`);
      return 0;
    }
    tell(`${task.title} is not drained yet; the daemon, or reconcile --once, goes on with it.\n`);
    return interrupt.exitCode ?? 3;
  } finally {
    interrupt.release();
    await session.close();
  }
}

function taskOf(word: string, namespace: string | undefined, session: Session, directory: string): Task {
  const wish = oneOf(word);
  const { world, revision } = session;
  const { tenants } = world.ledger.state;
  if (wish.kind === "hypervisors") {
    const name = trusted<HypervisorName>(wish.name);
    if (!revision.hypervisors.has(name)) throw notFound(word, revision.fleet);
    const homes = entriesOf(tenants).flatMap(([tenant, { primary }]) => (primary === name ? [tenant] : []));
    const stays = homes.length === 0 ? "" : ` The gateways of ${homes.join(", ")} stay there.`;
    return {
      instruction: { say: "drain", hypervisor: name },
      title: word,
      left: (memory) => everyReplica(memory).filter(({ hypervisor }) => hypervisor === name).length,
      done: `${name} has no replicas, and gets none until: reconcile up ${word}${sameDirectory(directory)}${stays}`,
    };
  }
  if (wish.kind === "replicas" && namespace !== undefined) {
    const replica = tenants[trusted<TenantName>(namespace)]?.replicas.find(
      (one) => replicaName(one.subnet, one.ordinal) === wish.name && isActive(one),
    );
    if (!replica) throw notFound(`${word} -n ${namespace}`, revision.fleet);
    const { incarnation } = replica;
    return {
      instruction: { say: "replace", incarnation },
      title: `${word} -n ${namespace}`,
      left: (memory) => everyReplica(memory).filter((one) => one.incarnation === incarnation).length,
      done: `${wish.name} of ${namespace} was replaced.`,
    };
  }
  throw new EvenkeelError("EK-USAGE", `${JSON.stringify(word)} names nothing that can be drained`, {
    fix: "name it as hypervisor/hv2, or as replica/web-3 -n t2",
  });
}

const everyReplica = ({ tenants }: FleetMemory): ReplicaMemory[] =>
  Object.values(tenants).flatMap(({ replicas }) => replicas);

async function carryOut(
  { world, revision }: Session,
  { left }: Task,
  interrupt: Interrupt,
  { timeout, verbose = false }: DrainOptions,
): Promise<boolean> {
  const at = sinceNow(systemClock.now);
  const progress = new Progress({ write: tell, colours: coloursFor(process.stderr), verbose, at });
  await converge(world, revision, {
    timeoutSeconds: timeout,
    interrupt,
    show: progress.begin,
    passed: ({ tenants }) => progress.passed(tenants),
  });
  return left(world.ledger.state) === 0;
}

/** How often it is asked how far the daemon is, in milliseconds. */
const ASK_AGAIN = 500;

async function awaitDaemon(
  { world, stateDirectory }: Session,
  { left, title }: Task,
  interrupt: Interrupt,
  { timeout }: DrainOptions,
): Promise<boolean> {
  const until = systemClock.now() + timeout * 1000;
  let before: number | undefined;
  while (systemClock.now() < until && !interrupt.stop.aborted) {
    const now = left(await readMemory(stateDirectory, world.fleet));
    if (now === 0) return true;
    if (now !== before) tell(`${title}: ${plural(now, "replica")} to go\n`);
    before = now;
    await systemClock.sleep(ASK_AGAIN, interrupt.stop).catch(() => {});
  }
  return false;
}

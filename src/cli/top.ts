import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import type { World } from "../controllers/controller.ts";
import { sampleAll } from "../hosts/sample-all.ts";
import { begin } from "./begin.ts";
import { LOOK_SECONDS } from "./converge.ts";
import { interruptible } from "./interrupt.ts";
import { coloursFor, describeError } from "./problems.ts";
import { parseWishes, type Shown } from "./select.ts";
import type { SessionOptions } from "./session.ts";
import { answer, json, tell } from "./streams.ts";
import { usageOf } from "./usage.ts";
import { describeUsage } from "./usage-text.ts";

export interface TopOptions extends SessionOptions {
  readonly output: "table" | "json";
  readonly manifests: string;
  readonly namespace?: string;
}

/** Between the two readings that a load lies between, in milliseconds. */
const BETWEEN = 1_000;

/** `reconcile top`: what uses how much CPU now. Reads counters, with and without a daemon; holds and changes nothing. */
export async function top(word: string | undefined, options: TopOptions): Promise<number> {
  const kinds = kindsOf(word);
  const session = await begin(options.manifests, options, { hold: false, quiet: true });
  const { world, revision } = session;
  try {
    const [earlier, later] = await interruptible((signal) => sampleTwice(world, signal));
    const usages = usageOf({
      revision,
      memory: world.ledger.state,
      earlier: earlier.readings,
      later: later.readings,
      tenant: options.namespace,
    }).filter(({ kind }) => kinds.includes(kind));
    const failures = [...earlier.failures.values(), ...later.failures.values()];
    for (const error of failures) tell(describeError(error, coloursFor(process.stderr)));
    const manyTenants = options.namespace === undefined;
    answer(options.output === "json" ? json({ items: usages }) : describeUsage(usages, { manyTenants }));
    return failures.length > 0 ? 3 : 0;
  } finally {
    await session.close();
  }
}

type Samples = Awaited<ReturnType<typeof sampleAll>>;

/** All hypervisors, and after a while those that gave a sample. */
async function sampleTwice({ fleet, hosts }: World, signal: AbortSignal): Promise<[Samples, Samples]> {
  const sampling = { fleet, seconds: LOOK_SECONDS, signal, nonce: systemClock.nonce };
  const earlier = await sampleAll([...hosts.values()], sampling);
  await systemClock.sleep(BETWEEN, signal);
  const answering = [...earlier.readings.keys()].flatMap((name) => hosts.get(name) ?? []);
  return [earlier, await sampleAll(answering, sampling)];
}

/** Which kinds are meant; all that have a load when none is said. */
function kindsOf(word: string | undefined): readonly Shown[] {
  if (word === undefined) return ["hypervisors", "subnets", "replicas"];
  const wishes = parseWishes([word]);
  if (wishes.every(({ kind, name }) => kind !== "tenants" && name === undefined))
    return wishes.map(({ kind }) => kind);
  throw new EvenkeelError("EK-USAGE", `${JSON.stringify(word)} is no kind that has a load`, {
    fix: "ask for hypervisors, subnets or replicas",
  });
}

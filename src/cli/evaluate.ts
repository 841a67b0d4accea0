import { EvenkeelError } from "../api/errors.ts";
import type { Subnet } from "../api/kinds.gen.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import { sentence } from "../autoscale/sentence.ts";
import { systemClock } from "../clock/clock.ts";
import { autoscaleController } from "../controllers/autoscale.ts";
import type { AutoscaleResult } from "../controllers/controller.ts";
import { evaluateOnce } from "../controllers/evaluation.ts";
import { Recorder } from "../daemon/record.ts";
import { History } from "../history/write.ts";
import type { Revision } from "../manifests/revision.ts";
import { foresee } from "./foresee.ts";
import { coloursFor, describeError, printable, wrap } from "./problems.ts";
import type { Session } from "./session.ts";
import { timeOfDay } from "./time-of-day.ts";

export interface EvaluateOptions {
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

/**
 * Decides once, with a full window, on the count of every subnet that follows its load; remembers what was decided, and
 * writes it down. Changes no hypervisor.
 * @throws EvenkeelError EK-USAGE when a window is longer than the run may take
 * @throws AbortError when the signal ends the wait
 */
export async function evaluate(
  { world, revision, stateDirectory }: Session,
  { timeoutSeconds, signal, tell }: EvaluateOptions,
): Promise<AutoscaleResult> {
  const longest = longestWindow(revision);
  if (longest > timeoutSeconds)
    throw new EvenkeelError("EK-USAGE", `a full window takes ${longest} s, longer than the run may take`, {
      fix: `give --timeout more than ${longest}s`,
    });
  const { observation } = (await foresee(world, revision, { signal })).result;
  signal.throwIfAborted();
  const { log } = world;
  const pass = { revision, observation, signal, log, now: systemClock.now, fresh: systemClock.incarnation };
  const decided = await evaluateOnce(autoscaleController(world), pass, systemClock);
  for (const line of describeDecisions(decided.records, revision)) tell(`${line}\n`);
  const history = await History.open(stateDirectory, systemClock.nonce());
  const trouble = (error: unknown): void => tell(describeError(error, coloursFor(process.stderr)));
  new Recorder(history, systemClock, trouble).decisions(decided);
  await history.close();
  return decided;
}

/** Seconds: a load lies between two readings, so that it takes one sample more than a window holds. */
const longestWindow = ({ tenants }: Revision): number =>
  Math.max(
    0,
    ...[...tenants.values()].flatMap(({ subnets }) =>
      [...subnets.values()]
        .filter(isFollowing)
        .flatMap(({ spec: { autoscale } }) =>
          autoscale ? [autoscale.windowSeconds + autoscale.sampleSeconds] : [],
        ),
    ),
  );

/** One line for each decision, and for each subnet that is to follow its load and was not decided on. */
export function describeDecisions(records: readonly DecisionRecord[], { tenants }: Revision): string[] {
  const decided = new Set(records.map(({ tenant, subnet }) => `${tenant}/${subnet}`));
  const others = [...tenants.values()].flatMap(({ name, subnets }) =>
    [...subnets.values()].flatMap((subnet) =>
      isFollowing(subnet) && !decided.has(`${name}/${subnet.metadata.name}`)
        ? [`${name}: ${subnet.metadata.name} was not decided on: it does not stand yet, or is held`]
        : [],
    ),
  );
  const sentences = records.map((record) => `${record.tenant}: ${sentence(record, timeOfDay)}`);
  return [...sentences, ...others].map((line) => wrap(printable(line)));
}

const isFollowing = ({ spec: { autoscale } }: Subnet): boolean =>
  autoscale !== undefined && autoscale.mode !== "off";

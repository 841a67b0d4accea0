import { EvenkeelError } from "../api/errors.ts";
import { explain } from "../autoscale/explain.ts";
import { systemClock } from "../clock/clock.ts";
import { decisionsNewestFirst, type KeptDecision } from "../history/decisions.ts";
import { load } from "../manifests/load.ts";
import { explained } from "./explained.ts";
import { parseMoment } from "./moment.ts";
import { stateDirectoryOf } from "./session.ts";
import { answer, json, sameDirectory } from "./streams.ts";
import { timeSeenFrom } from "./time-of-day.ts";
import { placesOf } from "./why-places.ts";
import { whyPlan } from "./why-plan.ts";
import { whyReplica } from "./why-replica.ts";
import { type Answer, type Context, parseQuestion, type Question } from "./why-question.ts";
import { describeChanges, describeDecision } from "./why-text.ts";

export interface WhyOptions {
  readonly output: "text" | "json";
  readonly manifests: string;
  readonly namespace?: string;
  readonly stateDir?: string;
  /** The moment that is asked about; now when it is left out. */
  readonly at?: string;
  /** So many changes of a subnet's count, one a line. */
  readonly last?: number;
}

/** `reconcile why`: what was decided and what it came from, out of what was written down. Looks at no hypervisor. */
export async function why(word: string, options: WhyOptions): Promise<number> {
  const question = parseQuestion(word, options.namespace);
  const now = systemClock.now();
  const at = options.at === undefined ? now : parseMoment(options.at, now);
  const revision = await explained(options.manifests, () => load(options.manifests));
  const context: Context = {
    revision,
    stateDirectory: stateDirectoryOf(revision.fleet, options.stateDir),
    now,
    at,
    same: sameDirectory(options.manifests).replace(/^ /, " -f "),
  };
  const { text, value } =
    question.kind === "plan"
      ? await whyPlan(question.id, context)
      : question.kind === "replica"
        ? await whyReplica(question, context)
        : await whySubnet(question, context, options.last);
  answer(options.output === "json" ? json(value) : text);
  return 0;
}

/** Changes that are told with a decision. */
const BEFORE = 3;

async function whySubnet(
  { tenant, subnet }: Extract<Question, { kind: "subnet" }>,
  context: Context,
  last: number | undefined,
): Promise<Answer> {
  const { stateDirectory, now, at, revision } = context;
  const target = { tenant, subnet };
  const time = timeSeenFrom(now);
  const changes: KeptDecision[] = [];
  let newest: KeptDecision | undefined;
  for await (const one of decisionsNewestFirst(stateDirectory, { ...target, until: at })) {
    const isFirst = newest === undefined;
    newest ??= one;
    const { current, desired } = one.data.trace;
    if (current !== desired && (last !== undefined || !isFirst)) changes.push(one);
    if (changes.length >= (last ?? BEFORE)) break;
  }
  if (newest === undefined) throw undecided(target, context);
  if (last !== undefined)
    return { text: describeChanges(changes, now), value: changes.map(({ data }) => data) };
  const places = await placesOf(revision, target);
  const lines = explain(newest.data, time, { places, before: changes.map(({ data }) => data) });
  return { text: describeDecision(newest, lines, now), value: newest.data };
}

/** Why there is no decision, and what to do. */
function undecided(
  { tenant, subnet }: Omit<Extract<Question, { kind: "subnet" }>, "kind">,
  { revision, at, now, same }: Context,
): EvenkeelError {
  const name = `${tenant}/${subnet}`;
  const document = revision.tenants.get(tenant)?.subnets.get(subnet);
  if (!document)
    return new EvenkeelError("EK-NOT-FOUND", `fleet ${revision.fleet} has no subnet ${name}`, {
      fix: `reconcile get subnets${same}`,
    });
  const { autoscale, replicas } = document.spec;
  if (autoscale === undefined || autoscale.mode === "off")
    return new EvenkeelError(
      "EK-NOT-FOUND",
      `${name} does not follow its load, so nothing is decided on it`,
      {
        fix: `its count is replicas.min, ${replicas.min}; spec.autoscale lets it follow`,
      },
    );
  return at < now
    ? new EvenkeelError("EK-NOT-FOUND", `no decision on ${name} is written down from then or before`, {
        fix: `reconcile why subnet/${subnet} -n ${tenant}${same} --last 20`,
      })
    : new EvenkeelError("EK-NOT-FOUND", `no decision on ${name} is written down yet`, {
        fix: "start the daemon, or run reconcile --once --autoscale",
      });
}

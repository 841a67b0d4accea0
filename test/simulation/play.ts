import type { Fault } from "./faults.ts";
import { foreignOn } from "./foreign.ts";
import type { Reading, Scenario } from "./scenarios.ts";
import { Stage, type Step } from "./stage.ts";
import { standing } from "./standing.ts";

/** What came of a scenario. */
export interface Playthrough {
  /** Everything that was done from its first act on, one after the other. */
  readonly steps: readonly Step[];
  /** What stands at its end. */
  readonly standing: string;
  readonly created: ReadonlyMap<string, number>;
  readonly removed: ReadonlyMap<string, number>;
  /** What should not have been. */
  readonly wrong: readonly string[];
}

/** Plays a scenario, with faults in the way of some of its steps. */
export async function play(
  { acts }: Scenario,
  reading: Reading,
  injected: readonly { readonly fault: Fault; readonly at: number }[] = [],
): Promise<Playthrough> {
  const stage = new Stage(reading.before);
  const { simulation, monitor, steps } = stage;
  for (const machine of simulation.machines) machine.images.set("evenkeel/web:1", "sha256:web");
  simulation.machine("hv1").files.set("web.qcow2", "web.qcow2");
  const wrong: string[] = [];
  const first = await stage.act(reading.before);
  if (first.ending !== "done") wrong.push(`before anything happens it ends ${first.ending}`);
  const foreign = simulation.machines.map(foreignOn).join("\n");
  monitor.populate();
  const begun = steps.length;
  const [created, removed] = [new Map(monitor.created), new Map(monitor.removed)];
  for (const { fault, at } of injected) stage.expect({ at, hits: fault.hits, inject: fault.inject });
  let last = first;
  for (const [index, { befalls, isApproved, interrupts = false }] of acts.entries()) {
    befalls?.(stage);
    monitor.mayCut = interrupts;
    if (interrupts) monitor.mayFail = true;
    const tree = reading.acts[index];
    if (tree) last = await stage.act(tree, isApproved);
  }
  if (last.ending !== "done") wrong.push(`it ends ${last.ending}: ${saidOf(last)}`);
  // A second fault may find nothing left to come in the way of.
  if (stage.expectNothing() >= Math.max(injected.length, 1)) wrong.push("the fault never came");
  const all = steps.slice(begun);

  // Whatever a fault has left under way comes to its end; then one more process has nothing to do.
  await stage.clock.until(stage.clock.sleep(120_000, new AbortController().signal));
  if (last.ending === "done") await stage.act(stage.tree, acts.at(-1)?.isApproved);
  const before = steps.length;
  await stage.process();
  const changes = steps.slice(before).filter(({ what }) => what === "change" || what === "start");
  if (changes.length > 0)
    wrong.push(`it is not quiet afterwards: ${changes.map(({ what }) => what).join(", ")}`);
  if (last.ending === "done") monitor.settled();
  if (simulation.machines.map(foreignOn).join("\n") !== foreign) wrong.push("something foreign was touched");
  return {
    steps: all,
    standing: standing(simulation, stage.disk.fleet),
    created: difference(monitor.created, created),
    removed: difference(monitor.removed, removed),
    wrong: [...wrong, ...monitor.violations],
  };
}

const saidOf = ({ results }: { readonly results: Awaited<ReturnType<Stage["act"]>>["results"] }): string =>
  [...results.values()]
    .flatMap(({ notes, failures, undone }) => [
      ...notes.map(({ reason, message }) => `${reason} ${message}`),
      ...failures.map(({ message }) => message),
      ...undone.map(({ key }) => key),
    ])
    .slice(0, 6)
    .join("; ");

const difference = (
  after: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
): Map<string, number> => new Map([...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)]));

/** What is worse than in the run without the fault. */
export function compare(plain: Playthrough, faulty: Playthrough, faults: readonly Fault[]): string[] {
  const moves = faults.some((fault) => fault.moves);
  const costs = faults.reduce((sum, fault) => sum + fault.costs, 0);
  const wrong = [...faulty.wrong];
  // Where a hypervisor was not seen, replicas may have found their place on another one: as many, all the same.
  const comparable = ({ standing: all }: Playthrough): string => (moves ? containersOf(all) : all);
  if (comparable(faulty) !== comparable(plain))
    wrong.push(`something else stands at the end:\n${lineDifference(comparable(plain), comparable(faulty))}`);
  for (const what of ["created", "removed"] as const)
    for (const [tenant, count] of faulty[what]) {
      const most = (plain[what].get(tenant) ?? 0) + costs;
      if (count > most) wrong.push(`${count} containers of ${tenant} were ${what}, not ${most}`);
    }
  return wrong;
}

/** Which containers stand, wherever that is. */
const containersOf = (all: string): string =>
  all
    .split("\n")
    .flatMap((line) => / (container \S+ \S+) /.exec(line)?.[1] ?? [])
    .toSorted()
    .join("\n");

/** What stands in one of two, and not in the other. */
export function lineDifference(expected: string, found: string): string {
  const [a, b] = [expected.split("\n"), found.split("\n")];
  const rest = (one: readonly string[], other: readonly string[]): string[] => {
    const left = [...other];
    return one.filter((line) => {
      const at = left.indexOf(line);
      if (at !== -1) left.splice(at, 1);
      return at === -1;
    });
  };
  return [...rest(a, b).map((line) => `- ${line}`), ...rest(b, a).map((line) => `+ ${line}`)]
    .slice(0, 12)
    .join("\n");
}

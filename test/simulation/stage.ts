import type { HypervisorName } from "../../src/api/names.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { UNKNOWN } from "../../src/hosts/change.ts";
import type { Passage, Trip } from "../../src/simulated/host.ts";
import { Simulation } from "../../src/simulated/simulation.ts";
import { VirtualClock } from "./clock.ts";
import { controller, type Run } from "./controller.ts";
import { Disk, type Writing } from "./disk.ts";
import { plantForeign } from "./foreign.ts";
import { Monitor } from "./monitor.ts";
import type { TreeReading } from "./scenarios.ts";

/** What a process does that something can come in the way of: a round trip, or a write of the ledger. */
export interface Step {
  readonly what: Trip["what"] | "ledger";
  readonly hypervisor: HypervisorName | undefined;
}

/**
 * What comes in the way of one step: it decides what the process gets to see of it. `perform` does what the step asks, of a
 * change no more than so many lines; `goOn` lets it go its way through the world as that is by then.
 */
export type Injection = (
  stage: Stage,
  step: Step,
  perform: (lines?: number) => unknown,
  goOn: () => Promise<unknown>,
) => Promise<unknown>;

/** What is to come in the way of a step. */
export interface Expected {
  readonly at: number;
  readonly hits: (step: Step) => boolean;
  readonly inject: Injection;
}

/** What a scenario is played on: hypervisors, a disk, a clock, and processes that live and die. */
export class Stage {
  readonly clock = new VirtualClock();
  readonly simulation: Simulation;
  readonly monitor: Monitor;
  disk: Disk;
  /** All steps, in order. */
  readonly steps: Step[] = [];
  /** Until when nothing comes back from a hypervisor, and whether what is sent arrives all the same. */
  readonly partitions = new Map<HypervisorName, { readonly until: number; readonly arrives: boolean }>();
  /** Hypervisors whose Docker does not answer until then. */
  readonly dockerless = new Map<HypervisorName, number>();
  /** What was last seen of each hypervisor, the newest last. */
  readonly looks = new Map<HypervisorName, HostFacts[]>();
  /** Until when manifests are read that are only half written. */
  tornUntil = 0;
  #tree: TreeReading;
  #expected: readonly Expected[] = [];
  #processes = 0;
  #crash: (() => void) | undefined;

  constructor(first: TreeReading) {
    this.#tree = first;
    const { hypervisors, fleet } = first.whole;
    this.simulation = new Simulation([...hypervisors.values()], this.clock.now);
    for (const machine of this.simulation.machines) plantForeign(machine);
    this.monitor = new Monitor(this.simulation, this.clock);
    this.disk = new Disk(fleet);
  }

  get tree(): TreeReading {
    return this.#tree;
  }

  get #isTorn(): boolean {
    return this.tornUntil > this.clock.now();
  }

  /** Something comes in the way of the first step that it can hit, from that number on, counted from now. */
  expect({ at, ...how }: Expected): void {
    this.#expected = [...this.#expected, { ...how, at: this.steps.length + at }];
  }

  /** Nothing more comes. How much of what was expected has not come, because there were not so many steps. */
  expectNothing(): number {
    const { length } = this.#expected;
    this.#expected = [];
    return length;
  }

  /** The process that runs ends here; nobody hears of it again. */
  crash(): Promise<never> {
    this.#crash?.();
    return new Promise(() => {});
  }

  /** Puts manifests in force, and runs processes until one says that all is done, or nothing more comes of it. */
  async act(tree: TreeReading, isApproved = false): Promise<Run> {
    this.#tree = tree;
    this.monitor.grace(tree.whole);
    let last: Run | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const approvals = isApproved ? (last?.waiting ?? []) : [];
      const run = await this.process({ takeOver: last?.ending === "fenced", approvals });
      if (run?.ending === "done" && !this.#isTorn) return run;
      if (run?.ending === "stuck" && !isApproved && attempt > 1 && run.waiting.length > 0) return run;
      last = run ?? last;
      await this.clock.until(this.clock.sleep(PAUSE, new AbortController().signal));
    }
    return last ?? { ending: "aborted", results: new Map(), waiting: [] };
  }

  /** One process from its start to its end; undefined when it crashed. */
  async process({
    takeOver = false,
    approvals = [] as readonly string[],
    disk = this.disk,
    holder = `here:${++this.#processes}`,
    isHindered = true,
  } = {}): Promise<Run | undefined> {
    let isAlive = true;
    if (isHindered) this.looks.clear(); // nobody gets an answer to what another one asked
    const crashed = new Promise<undefined>((resolve) => {
      if (isHindered)
        this.#crash = () => {
          isAlive = false;
          resolve(undefined);
        };
    });
    const passage: Passage = (trip, perform) => {
      if (!isAlive) return new Promise(() => {});
      return isHindered ? this.#pass(trip, perform) : this.#undergo(trip, perform);
    };
    const writing: Writing = async (write) => {
      if (!isAlive) return await new Promise<never>(() => {});
      return await (isHindered ? this.#injected({ what: "ledger", hypervisor: undefined }, write) : write());
    };
    const { clock, simulation } = this;
    const { fleet } = this.#tree.whole;
    const running = controller(
      {
        fleet,
        clock: clock.ofProcess(),
        disk,
        writing,
        holder,
        takeOver,
        hosts: simulation.hosts(passage),
        revision: () => (this.#isTorn ? this.#tree.torn : this.#tree.whole),
      },
      approvals.map((id) => ({ say: "approve", id })),
    );
    const run = await (isHindered ? clock.until(Promise.race([running, crashed])) : running);
    isAlive = false;
    return run;
  }

  #pass<Answer>(trip: Trip, perform: (lines?: number) => Answer): Promise<Answer> {
    return this.#injected(trip, perform, () => this.#undergo(trip, perform));
  }

  async #injected<Answer>(
    step: Step,
    perform: (lines?: number) => Answer,
    goOn: () => Promise<Answer> = async () => perform(),
  ): Promise<Answer> {
    const { what, hypervisor } = step;
    const number = this.steps.push({ what, hypervisor }) - 1;
    const due = this.#expected.find(({ at, hits }) => at <= number && hits(step));
    if (!due) return await goOn();
    this.#expected = this.#expected.filter((one) => one !== due);
    const { inject } = due;
    const performed = (lines?: number): Answer => this.perform(step, () => perform(lines));
    return (await inject(this, step, performed, goOn)) as Answer;
  }

  /** A round trip as the world is: through partitions, to a Docker that may be away. */
  async #undergo<Answer>(trip: Trip, perform: (lines?: number) => Answer): Promise<Answer> {
    const { hypervisor, what } = trip;
    const partition = this.partitions.get(hypervisor);
    const isOff = this.simulation.fabric.off.has(hypervisor);
    if (isOff || (partition && partition.until > this.clock.now())) {
      if (partition?.arrives) this.perform(trip, perform);
      return isOff || !partition?.arrives ? unreachable(trip) : lost<Answer>(trip);
    }
    const isDockerless = (this.dockerless.get(hypervisor) ?? 0) > this.clock.now();
    if (isDockerless && ["image", "pull", "start", "sandbox", "describe", "sample"].includes(what))
      return lost<Answer>(trip);
    const answer = this.perform(trip, perform);
    if (what !== "look") return answer;
    const facts = answer as HostFacts;
    this.looks.set(hypervisor, [...(this.looks.get(hypervisor) ?? []), facts].slice(-8));
    return isDockerless ? ({ ...facts, containers: undefined } as Answer) : answer;
  }

  /** Does what was asked, and sees what has become of everything. */
  perform<Answer>(step: Step, perform: () => Answer): Answer {
    const answer = perform();
    if (step.what !== "ledger") this.monitor.check("controller");
    return answer;
  }
}

/** Processes that are run, one after the other, before it is said that nothing comes of it. */
const ATTEMPTS = 12;
/** Between two of them, in milliseconds: longer than a silent hypervisor is left alone. */
const PAUSE = 15_000;

/** What is known of a step when nothing ran. */
export function unreachable({ hypervisor }: Pick<Step, "hypervisor">): never {
  throw new EvenkeelError("EK-HOST-UNREACHABLE", `${hypervisor} does not answer`);
}

/** What is known of a step whose answer never came: nothing, as those who ask over a connection tell it. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks knows what it gets no answer of
export function lost<Answer>({ what, hypervisor }: Step): Answer {
  switch (what) {
    case "publish":
    case "bastion key":
      return unreachable({ hypervisor });
    case "change":
      return { blocks: new Map(), rest: UNKNOWN, ended: false } as Answer;
    case "probe":
    case "health":
      return new Map() as Answer;
    case "contact":
      return [{ check: "complete", state: "failed", message: "cut off" }] as Answer;
    case "look":
    case "sample":
      throw new EvenkeelError("EK-LOOK-INCOMPLETE", `${hypervisor}: the connection was lost`);
    case "image":
    case "pull":
    case "start":
    case "sandbox":
    case "describe":
      throw new EvenkeelError("EK-DOCKER", `${hypervisor}: Docker does not answer`);
    case "ledger":
      throw new EvenkeelError("EK-STATE-WRITE", "the ledger cannot be written");
  }
}

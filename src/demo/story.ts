import type { ShowTime } from "../autoscale/sentence.ts";
import type { AutoscaleResult } from "../controllers/controller.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { FleetMemory } from "../replicas/memory.ts";
import type { Visits } from "./crowd.ts";
import type { Line } from "./line.ts";
import { Onboarding } from "./onboarding.ts";
import { Outage } from "./outage.ts";
import { Scaling } from "./scaling.ts";
import type { Scene } from "./scene.ts";

export interface StoryOptions {
  readonly scene: Scene;
  readonly memory: () => FleetMemory;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly time: ShowTime;
  readonly tell: (line: Line) => void;
}

/** Passes without the unplugged hypervisor after which it is told what they did. */
const PASSES = 3;

/** Tells what happens in a run, out of the run's own results and of nothing else. */
export class Story {
  readonly #onboarding: Onboarding;
  readonly #scaling: Scaling;
  readonly #outage: Outage;
  readonly #now: () => number;
  readonly #tell: (line: Line) => void;

  constructor({ scene, memory, now, time, tell }: StoryOptions) {
    this.#onboarding = new Onboarding(scene.tenant, now());
    this.#scaling = new Scaling(memory, time);
    this.#outage = new Outage(scene.standby, scene.tenant);
    this.#now = now;
    this.#tell = tell;
  }

  get isOnboarded(): boolean {
    return this.#onboarding.isOver;
  }

  /** Whether every decision on a count has been carried out. */
  get isSettled(): boolean {
    return this.#scaling.isSettled;
  }

  get isSilenceNoticed(): boolean {
    return this.#outage.passes >= PASSES;
  }

  get isBack(): boolean {
    return this.#outage.isOver;
  }

  readonly pass = (result: PassResult): void => {
    this.#say(
      this.#onboarding.pass(result, this.#now()),
      this.#scaling.pass(result),
      this.#outage.pass(result),
    );
  };

  readonly decisions = (result: AutoscaleResult): void => {
    this.#say(this.#scaling.decisions(result));
  };

  /** The load has run its course. */
  loadIsOver(): void {
    this.#say(this.#scaling.unchanged());
  }

  /** The hypervisor is about to be plugged in again; `visits` are those of the time without it. */
  silenceIsOver(visits: Visits): void {
    this.#say(this.#outage.tell(visits));
  }

  /** What should have come and did not. */
  missed(what: string): void {
    this.#say([{ mark: "failed", text: what }]);
  }

  #say(...lines: readonly (readonly Line[])[]): void {
    for (const line of lines.flat()) this.#tell(line);
  }
}

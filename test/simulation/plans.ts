import { type Fault, FAULTS } from "./faults.ts";
import { compare, play, type Playthrough } from "./play.ts";
import { read, type Reading, type Scenario, SCENARIOS } from "./scenarios.ts";

/** A fault that befalls the first step, from that number on, which it can hit. */
export interface Injected {
  readonly fault: Fault;
  readonly at: number;
}

/** A scenario, and what comes in its way: one fault, or two. */
export interface Plan {
  readonly scenario: string;
  readonly injected: readonly Injected[];
}

/** `scale in/crash after/12`, or `scale in/crash after/12+reboot/14`. */
export const nameOf = ({ scenario, injected }: Plan): string =>
  `${scenario}/${injected.map(({ fault, at }) => `${fault.name}/${at}`).join("+")}`;

/** What repeats a plan alone. */
export const commandOf = (plan: Plan): string => `PLAN="${nameOf(plan)}" npm test -- test/simulation/found`;

/** The plan of that name. */
export function planOf(name: string): Plan {
  const [scenario = "", ...rest] = name.split("/");
  const injected = rest
    .join("/")
    .split("+")
    .map((one) => {
      const [of, at] = one.split("/");
      const fault = FAULTS.find((known) => known.name === of);
      if (!fault) throw new RangeError(`no fault is called ${of}`);
      return { fault, at: Number(at) };
    });
  return { scenario, injected };
}

/** A scenario without a fault, and what is played with one. */
export class Rehearsal {
  readonly scenario: Scenario;
  readonly plain: Playthrough;
  readonly #reading: Reading;

  private constructor(scenario: Scenario, reading: Reading, plain: Playthrough) {
    this.scenario = scenario;
    this.#reading = reading;
    this.plain = plain;
  }

  static async of(name: string): Promise<Rehearsal> {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (!scenario) throw new RangeError(`no scenario is called ${name}`);
    const reading = await read(scenario);
    return new Rehearsal(scenario, reading, await play(scenario, reading));
  }

  /** Every fault at every step that it can hit. */
  get singles(): Plan[] {
    return FAULTS.flatMap((fault) =>
      [...this.plain.steps.entries()].flatMap(([at, step]) =>
        fault.hits(step) ? [{ scenario: this.scenario.name, injected: [{ fault, at }] }] : [],
      ),
    );
  }

  /** What goes wrong in a plan. */
  async trouble({ injected }: Plan): Promise<string[]> {
    return compare(
      this.plain,
      await play(this.scenario, this.#reading, injected),
      injected.map(({ fault }) => fault),
    );
  }
}

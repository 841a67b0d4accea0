import type { Clock } from "../clock/clock.ts";
import type { HypervisorName } from "../api/names.ts";
import { Demand } from "../simulated/demand.ts";
import type { Simulation } from "../simulated/simulation.ts";
import type { LoadCurve } from "./curve.ts";

/** What became of some visits. */
export interface Visits {
  readonly served: number;
  readonly failed: number;
  /** The hypervisors that they came in by. */
  readonly homes: readonly HypervisorName[];
}

export interface CrowdOptions {
  readonly simulation: Simulation;
  /** Where they come in, `198.18.100.10:80`. */
  readonly service: string;
  readonly curve: LoadCurve;
  readonly clock: Clock;
}

/** From one client to the next, and how long one stays; milliseconds. */
const BEAT = 500;
const STAY = 3_000;
/** CPUs that each hypervisor uses for work of its own. */
const OWN = 0.05;

/** The clients of a service: they come, stay for a while and go, and ask for as much as the curve says. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #demand: Demand;
  /** When the curve began, milliseconds since the epoch. */
  #began: number | undefined;
  #repeats = false;
  #visits: Visits = NONE;

  constructor(options: CrowdOptions) {
    const { simulation, service, clock } = options;
    this.#options = options;
    this.#demand = new Demand(simulation, { service, own: OWN, now: clock.now });
  }

  /** The curve begins now; with `repeats` it begins again whenever it is over. */
  begin({ repeats = false } = {}): void {
    this.#began = this.#options.clock.now();
    this.#repeats = repeats;
  }

  /** What became of all visits since this was last asked. */
  visits(): Visits {
    const visits = this.#visits;
    this.#visits = NONE;
    return visits;
  }

  /** Comes and goes until the signal comes. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, curve } = this.#options;
    while (!signal.aborted) {
      const elapsed = (clock.now() - (this.#began ?? clock.now())) / 1000;
      this.#demand.ask(curve.cpusAt(this.#repeats && curve.seconds > 0 ? elapsed % curve.seconds : elapsed));
      if (this.#began !== undefined) this.#come();
      await clock.sleep(BEAT, signal).catch(() => {});
    }
  }

  #come(): void {
    const { simulation, service } = this.#options;
    const answer = simulation.clients.connect(service, STAY);
    const { served, failed, homes } = this.#visits;
    if (answer.state !== "open") {
      this.#visits = { served, homes, failed: failed + 1 };
      return;
    }
    const { name } = answer.connection.home;
    this.#visits = { served: served + 1, failed, homes: homes.includes(name) ? homes : [...homes, name] };
  }
}

const NONE: Visits = { served: 0, failed: 0, homes: [] };

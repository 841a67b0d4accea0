import type { HypervisorName } from "../api/names.ts";

interface Silence {
  readonly error: Error;
  /** Milliseconds since the epoch when it was first and last tried in vain. */
  readonly since: number;
  readonly last: number;
  readonly tries: number;
}

/**
 * Which hypervisors do not answer. Finding that out costs a whole deadline, so for a while nobody tries again: a dead
 * hypervisor must not slow down what is done on the living.
 */
export class Reachability {
  readonly #silent = new Map<HypervisorName, Silence>();
  readonly #now: () => number;
  readonly #restMilliseconds: number;

  /** @param restMilliseconds how long a silent one is left alone; for ever, where somebody else tries it again */
  constructor(now: () => number, restMilliseconds: number) {
    this.#now = now;
    this.#restMilliseconds = restMilliseconds;
  }

  /** Why it is not asked now; undefined when it may be. */
  silence(hypervisor: HypervisorName): Error | undefined {
    const silence = this.#silent.get(hypervisor);
    return silence && this.#now() - silence.last < this.#restMilliseconds ? silence.error : undefined;
  }

  answered(hypervisor: HypervisorName): void {
    this.#silent.delete(hypervisor);
  }

  failed(hypervisor: HypervisorName, error: Error): void {
    const before = this.#silent.get(hypervisor);
    const last = this.#now();
    const tries = (before?.tries ?? 0) + 1;
    this.#silent.set(hypervisor, { error, since: before?.since ?? last, last, tries });
  }

  /** All that are silent, with since when. */
  get silent(): ReadonlyMap<HypervisorName, Silence> {
    return this.#silent;
  }
}

/** A counter of CPU time: it grows by itself, at the pace that was last set. */
export class CpuCounter {
  /** CPUs in use now. */
  #using = 0;
  /** Billionths of a second, up to `#at`. */
  #used = 0;
  /** Milliseconds since the epoch. */
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** From now on so many CPUs are in use. */
  use(cpus: number, now: number): void {
    this.#used = this.read(now);
    this.#at = now;
    this.#using = cpus;
  }

  /** Billionths of a second of CPU time until now. */
  read(now: number): number {
    return this.#used + this.#using * (now - this.#at) * 1e6;
  }
}

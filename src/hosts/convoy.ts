/**
 * Members travel together: at each stop the convoy waits for all who are still in it, and one journey serves them all. So
 * the number of round trips to a hypervisor does not grow with the number of tenants in a pass.
 *
 * A member that is late by more than the patience is left behind for this stop and takes the next one: nobody's slow
 * image pull holds up the others for long.
 */
export class Convoy<Request, Journey> {
  readonly #travel: (requests: readonly Request[]) => Promise<Journey>;
  readonly #patience: number;
  readonly #schedule: (action: () => void, milliseconds: number) => () => void;
  readonly #turn: () => Promise<void>;
  #members: number;
  #waiting: { request: Request; resolve: (journey: Journey) => void; reject: (error: unknown) => void }[] =
    [];
  #cancelTimer: (() => void) | undefined;

  /**
   * @param travel one journey for all requests of one stop; each member takes from it what it asked for
   * @param patience milliseconds from the first arrival at a stop until it is served without those who are late
   * @param schedule a timer, as the clock gives it; returns how to cancel it
   * @param turn lets everything else have its turn, between one member that goes on and the next
   */
  constructor(options: {
    members: number;
    travel: (requests: readonly Request[]) => Promise<Journey>;
    patience: number;
    schedule: (action: () => void, milliseconds: number) => () => void;
    turn: () => Promise<void>;
  }) {
    this.#members = options.members;
    this.#travel = options.travel;
    this.#patience = options.patience;
    this.#schedule = options.schedule;
    this.#turn = options.turn;
  }

  /** Arrives at the next stop with a request; resolves with the journey when it is done. */
  stop(request: Request): Promise<Journey> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#cancelTimer ??= this.#schedule(() => this.#depart(), this.#patience);
      this.#departIfComplete();
    });
  }

  /** Leaves for good; to be called once by each member. */
  leave(): void {
    this.#members--;
    this.#departIfComplete();
  }

  #departIfComplete(): void {
    if (this.#waiting.length > 0 && this.#waiting.length >= this.#members) this.#depart();
  }

  #depart(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const travellers = this.#waiting;
    this.#waiting = [];
    if (travellers.length === 0) return;
    this.#travel(travellers.map(({ request }) => request)).then(
      (journey) => travellers.forEach(({ resolve }) => void this.#turn().then(() => resolve(journey))),
      (error: unknown) => travellers.forEach(({ reject }) => reject(error)),
    );
  }
}

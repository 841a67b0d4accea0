import type { HypervisorName } from "../api/names.ts";
import type { Clients } from "../simulated/clients.ts";

/** What became of some visits. */
export interface Visits {
  readonly served: number;
  readonly failed: number;
  /** The hypervisors that they came in by. */
  readonly homes: readonly HypervisorName[];
}

/** Clients who come to a service, stay for a while and go. */
export class Visitors {
  readonly #clients: Clients;
  readonly #service: string;
  #visits: Visits = NONE;

  constructor(clients: Clients, service: string) {
    this.#clients = clients;
    this.#service = service;
  }

  /** One more comes, and stays for some milliseconds. */
  come(milliseconds: number): void {
    const answer = this.#clients.connect(this.#service, milliseconds);
    const { served, failed, homes } = this.#visits;
    if (answer.state !== "open") {
      this.#visits = { served, homes, failed: failed + 1 };
      return;
    }
    const { name } = answer.connection.home;
    this.#visits = { served: served + 1, failed, homes: homes.includes(name) ? homes : [...homes, name] };
  }

  /** What became of all visits since this was last asked. */
  since(): Visits {
    const visits = this.#visits;
    this.#visits = NONE;
    return visits;
  }
}

const NONE: Visits = { served: 0, failed: 0, homes: [] };

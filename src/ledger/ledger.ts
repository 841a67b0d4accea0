import type { FleetMemory } from "../replicas/memory.ts";

/** Where a fleet's memory is kept. One writer at a time. */
export interface Ledger {
  readonly state: FleetMemory;
  /**
   * Changes the memory at once, and keeps it durably: resolves when a crash can no longer lose it. The recipe is given the
   * newest memory, so that tenants that are worked on side by side never overwrite each other.
   * @throws EvenkeelError EK-STATE-WRITE when it cannot be kept: then nothing may be done on the strength of it
   */
  update(recipe: (state: FleetMemory) => FleetMemory): Promise<void>;
  close(): Promise<void>;
}

/** A ledger that forgets: for dry passes, which may decide anything and must leave nothing. */
export class MemoryLedger implements Ledger {
  state: FleetMemory;

  constructor(state: FleetMemory) {
    this.state = state;
  }

  async update(recipe: (state: FleetMemory) => FleetMemory): Promise<void> {
    this.state = recipe(this.state);
  }

  async close(): Promise<void> {}
}

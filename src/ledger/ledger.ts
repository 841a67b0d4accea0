import type { FleetMemory } from "../replicas/memory.ts";

/** Where a fleet's memory is kept. One writer at a time. */
export interface Ledger {
  readonly state: FleetMemory;
  /** Keeps the new memory durably; resolves when a crash can no longer lose it. */
  commit(state: FleetMemory): Promise<void>;
  close(): Promise<void>;
}

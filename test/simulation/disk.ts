import { isDeepStrictEqual } from "node:util";
import type { FleetName } from "../../src/api/names.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { emptyMemory, type FleetMemory } from "../../src/replicas/memory.ts";

/** Where a ledger is kept between one process and the next. */
export class Disk {
  readonly fleet: FleetName;
  kept: FleetMemory;
  /** Writes that still fail, because there is no room. */
  full = 0;

  constructor(fleet: FleetName) {
    this.fleet = fleet;
    this.kept = emptyMemory(fleet);
  }

  /** What was kept cannot be read: somebody moves it away. */
  lose(): void {
    this.kept = emptyMemory(this.fleet);
  }
}

/** How a write goes: whoever is between a process and its disk decides. */
export type Writing = (write: () => void) => Promise<void>;

/** A ledger on such a disk, as the file does it: changed at once, kept when the write is done, not written when equal. */
export class DiskLedger implements Ledger {
  state: FleetMemory;
  readonly #disk: Disk;
  readonly #writing: Writing;
  #isUnsaved = false;

  constructor(disk: Disk, writing: Writing) {
    this.#disk = disk;
    this.#writing = writing;
    this.state = disk.kept;
  }

  async update(recipe: (state: FleetMemory) => FleetMemory): Promise<void> {
    const next = recipe(this.state);
    if (!this.#isUnsaved && (next === this.state || isDeepStrictEqual(next, this.state))) return;
    this.state = next;
    this.#isUnsaved = true;
    await this.#writing(() => {
      if (this.#disk.full > 0) {
        this.#disk.full--;
        throw new EvenkeelError("EK-STATE-WRITE", "the ledger cannot be written: no space left on device");
      }
      this.#disk.kept = this.state;
      this.#isUnsaved = false;
    });
  }

  async close(): Promise<void> {}
}

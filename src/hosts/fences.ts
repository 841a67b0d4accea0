import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";

/** One hypervisor's fence, as it was seen or written last. */
interface Known {
  readonly bootId: string;
  readonly serial: number;
}

/**
 * What is known of the fences. Every batch counts a fence's serial up, and is turned away unless the serial is still the one
 * that it was decided from. So whatever was decided from an old look does nothing: whether somebody else has been there
 * since, or a batch of our own that had been given up for lost.
 */
export class Fences {
  readonly #known = new Map<HypervisorName, Known>();

  /**
   * Takes note of a look.
   * @throws EvenkeelError EK-LOOK-INCOMPLETE when it shows less than was there already
   */
  looked({ hypervisor, bootId, fence }: HostFacts): void {
    const known = this.#known.get(hypervisor);
    const serial = fence?.serial ?? 0;
    // Without any, somebody has deleted the file: from there it is counted anew.
    // guard: what is decided from an old look does nothing
    if (known && fence && known.bootId === bootId && serial < known.serial)
      throw new EvenkeelError(
        "EK-LOOK-INCOMPLETE",
        `the look at ${hypervisor} is an old one: it shows change ${serial}, and change ${known.serial} was seen`,
        { fix: "where it was set back to a snapshot: start this controller anew" },
      );
    this.#known.set(hypervisor, { bootId, serial });
  }

  /** Takes note of a batch that was carried out. */
  changed(hypervisor: HypervisorName): void {
    const known = this.#known.get(hypervisor);
    if (known) this.#known.set(hypervisor, { ...known, serial: known.serial + 1 });
  }

  /** The serial that the next batch is decided from. */
  serial(hypervisor: HypervisorName): number {
    return this.#known.get(hypervisor)?.serial ?? 0;
  }
}

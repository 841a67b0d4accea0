import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import writeFileAtomic from "write-file-atomic";
import { asError, codeOf, EvenkeelError } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import { emptyMemory, type FleetMemory } from "../replicas/memory.ts";
import { type Hold, holdDirectory } from "./hold.ts";
import type { Ledger } from "./ledger.ts";
import { ledgerText } from "./text.ts";

const FILE = "ledger.json";

/** Reads the memory kept in a state directory, without holding it; an empty one where there is none. */
export async function readMemory(directory: string, fleet: FleetName): Promise<FleetMemory> {
  const file = join(directory, FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    // guard: a torn ledger is not an empty one
    if (codeOf(error) === "ENOENT") return emptyMemory(fleet);
    throw new EvenkeelError("EK-STATE-TORN", `${file} cannot be read: ${asError(error).message}`, {
      cause: error,
    });
  }
  const memory = parse(text, file);
  // guard: a torn ledger is not an empty one
  if (memory.fleet !== fleet)
    throw new EvenkeelError(
      "EK-STATE-TORN",
      `${file} is the ledger of fleet ${memory.fleet}, not of ${fleet}`,
      {
        fix: "give each fleet a state directory of its own (--state-dir)",
      },
    );
  return memory;
}

function parse(text: string, file: string): FleetMemory {
  const fix = `move it away: it is rebuilt from the marks on the hypervisors (holds and approvals are lost)`;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border: we wrote it, and the version is checked
    const memory = JSON.parse(text) as FleetMemory;
    // guard: a torn ledger is not an empty one
    if (memory.version === 1 && memory.tenants !== undefined) return memory;
  } catch (error) {
    throw new EvenkeelError("EK-STATE-TORN", `${file} is not valid JSON: ${asError(error).message}`, {
      cause: error,
      fix,
    });
  }
  throw new EvenkeelError("EK-STATE-TORN", `${file} is not a ledger of version 1`, { fix });
}

/** The ledger as one file in a state directory that this process holds. */
export class FileLedger implements Ledger {
  state: FleetMemory;
  readonly #file: string;
  readonly #hold: Hold;
  /** The write under way, and the one that will take everything that came since. */
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** Whether the file may lack what was last to be written. */
  #isUnsaved = false;

  private constructor(file: string, state: FleetMemory, hold: Hold) {
    this.#file = file;
    this.state = state;
    this.#hold = hold;
  }

  /**
   * @param holder `machine:pid`, told to whoever finds the directory held
   * @throws EvenkeelError EK-STATE-HELD, EK-STATE-TORN
   */
  static async open(directory: string, fleet: FleetName, holder: string): Promise<FileLedger> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const hold = await holdDirectory(directory, holder);
    try {
      return new FileLedger(join(directory, FILE), await readMemory(directory, fleet), hold);
    } catch (error) {
      await hold.release();
      throw error;
    }
  }

  update(recipe: (state: FleetMemory) => FleetMemory): Promise<void> {
    const next = recipe(this.state);
    // A pass with nothing to do must not cost a write, let alone one that waits for the disk.
    if (!this.#isUnsaved && isDeepStrictEqual(next, this.state))
      return this.#next ?? this.#writing ?? Promise.resolve();
    this.state = next;
    this.#next ??= this.#writeNext();
    return this.#next;
  }

  /** Waits for the write under way, then writes what is newest: many updates at once cost two writes, not many. */
  async #writeNext(): Promise<void> {
    await this.#writing?.catch(() => {});
    this.#next = undefined;
    this.#writing = this.#write(this.state);
    await this.#writing;
  }

  async #write(state: FleetMemory): Promise<void> {
    this.#isUnsaved = true;
    try {
      await writeFileAtomic(this.#file, await ledgerText(state), { mode: 0o600, fsync: true });
    } catch (error) {
      const message = `${this.#file} cannot be written: ${asError(error).message}`;
      throw new EvenkeelError("EK-STATE-WRITE", message, { cause: error, fix: "make room on that disk" });
    }
    this.#isUnsaved = false;
  }

  async close(): Promise<void> {
    try {
      await this.#next;
      await this.#writing;
    } finally {
      await this.#hold.release();
    }
  }
}

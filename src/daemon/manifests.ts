import { EvenkeelError } from "../api/errors.ts";
import { withStanding } from "../controllers/departures.ts";
import type { Connections } from "../hosts/connections.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { lastGoodOf, load } from "../manifests/load.ts";
import { ManifestsError, type Problem, type Revision } from "../manifests/revision.ts";

export interface ManifestsOptions {
  readonly directory: string;
  /** The revision that the daemon began with. */
  readonly first: Revision;
  readonly ledger: Ledger;
  readonly connections: Pick<Connections, "follow">;
  /** Told of each reading that shows something else than the one before. */
  readonly changed: (revision: Revision) => void;
}

/** The manifests in force. They are read as a whole each time; what cannot be read stays as it was, and removes nothing. */
export class Manifests {
  readonly #options: ManifestsOptions;
  #current: Revision;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: ManifestsOptions) {
    this.#options = options;
    this.#current = options.first;
  }

  get current(): Revision {
    return this.#current;
  }

  /** Reads the tree again, after a reading that is under way. Never rejects for what is wrong with the tree. */
  read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { connections, changed, ledger } = this.#options;
    const next = withStanding(await this.#load(), ledger.state);
    if (said(next) === said(this.#current)) return;
    await connections.follow(next.hypervisors);
    this.#current = next;
    changed(next);
  }

  async #load(): Promise<Revision> {
    const { directory, ledger } = this.#options;
    try {
      const revision = await load(directory, { lastGood: lastGoodOf(ledger.state.documents) });
      if (revision.fleet === this.#current.fleet) return revision;
      throw new ManifestsError(
        `the manifests are of fleet ${revision.fleet} now; this daemon keeps ${this.#current.fleet}`,
        revision.problems,
        { fix: "run a daemon for each fleet" },
      );
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      const problems = error instanceof ManifestsError ? error.problems : [];
      // guard: last good version
      return { ...this.#current, complete: false, problems: [wholeTree(error), ...problems] };
    }
  }
}

/** What tells two readings apart: content, commit, and whatever is wrong. */
const said = ({ digest, commit, complete, problems, hypervisors }: Revision): string =>
  JSON.stringify([digest, commit, complete, problems, [...hypervisors.keys()]]);

const wholeTree = ({ code, message, fix }: EvenkeelError): Problem => ({
  severity: "error",
  code,
  file: ".",
  line: 1,
  column: 1,
  path: "",
  message: `${message}; the last good version stays in force, and nothing is removed`,
  ...(fix !== undefined && { suggestion: fix }),
});

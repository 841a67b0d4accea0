import { hostname } from "node:os";
import { join } from "node:path";
import { type FleetName, type HypervisorName, trusted } from "../api/names.ts";
import type { World } from "../controllers/controller.ts";
import { connect } from "../hosts/connect.ts";
import type { Host } from "../hosts/host.ts";
import { FileLedger, readMemory } from "../ledger/file.ts";
import { MemoryLedger } from "../ledger/ledger.ts";
import { load } from "../manifests/load.ts";
import type { DocumentKey, StoredDocument } from "../api/documents.ts";
import type { Revision } from "../manifests/revision.ts";
import type { FleetMemory } from "../replicas/memory.ts";
import { type LogLevel, openLog } from "../telemetry/log.ts";

/** Options that every command shares which works on hypervisors. */
export interface SessionOptions {
  readonly stateDir?: string;
  readonly keysDir?: string;
  readonly takeOver?: boolean;
  readonly logLevel?: LogLevel;
}

/** Everything a command works with: manifests, ledger, hypervisors. To be closed. */
export interface Session {
  readonly revision: Revision;
  readonly world: World;
  readonly stateDirectory: string;
  close(): Promise<void>;
}

const isRoot = (): boolean => process.getuid?.() === 0;
const home = (variable: string, fallback: string): string =>
  process.env[variable] ?? join(process.env["HOME"] ?? "/", fallback);

/** Where the ledger is kept: given, or by fleet, so that two fleets on one machine do not meet. */
export const stateDirectoryOf = (fleet: FleetName, given: string | undefined): string =>
  given ??
  (isRoot()
    ? `/var/lib/evenkeel/${fleet}/state`
    : join(home("XDG_STATE_HOME", ".local/state"), "evenkeel", fleet));

const keysDirectoryOf = (given: string | undefined): string =>
  given ?? (isRoot() ? "/etc/evenkeel/keys" : join(home("XDG_CONFIG_HOME", ".config"), "evenkeel/keys"));

/**
 * Opens a session on a manifest tree. With `hold` the ledger is this process's alone and is written; without, it is read
 * and everything that follows is kept in memory.
 * @throws EvenkeelError EK-MANIFESTS, EK-STATE-HELD, EK-STATE-TORN
 */
export async function openSession(
  directory: string,
  options: SessionOptions,
  hold: boolean,
): Promise<Session> {
  const first = await load(directory);
  const stateDirectory = stateDirectoryOf(first.fleet, options.stateDir);
  const holder = `${hostname()}:${process.pid}`;
  const ledger = hold
    ? await FileLedger.open(stateDirectory, first.fleet, holder)
    : new MemoryLedger(await readMemory(stateDirectory, first.fleet));
  const revision = await withLastGood(directory, first, ledger.state).catch(async (error: unknown) => {
    await ledger.close();
    throw error;
  });
  const hosts = new Map<HypervisorName, Host>();
  for (const [name, { spec }] of revision.hypervisors)
    hosts.set(
      name,
      connect(name, spec.connection.ssh ? { ssh: spec.connection.ssh } : { local: {} }, {
        keysDirectory: keysDirectoryOf(options.keysDir),
      }),
    );
  return {
    revision,
    stateDirectory,
    world: {
      fleet: revision.fleet,
      ledger,
      hosts,
      claim: { epoch: 0, ledger: "", holder, manifests: revision.directory },
      takeOver: options.takeOver ?? false,
      count: new Map(),
      log: await openLog(options.logLevel ?? "silent"),
    },
    async close() {
      await Promise.all([...hosts.values()].map((host) => host.close()));
      await ledger.close();
    },
  };
}

/** The same tree again, where something in it is broken and the ledger has a last good version. */
async function withLastGood(directory: string, first: Revision, memory: FleetMemory): Promise<Revision> {
  const lastGood = new Map<DocumentKey, StoredDocument>(
    Object.entries(memory.documents).map(([key, document]) => [trusted<DocumentKey>(key), document]),
  );
  const broken = first.problems.some(({ severity }) => severity === "error");
  return broken && lastGood.size > 0 ? load(directory, { lastGood }) : first;
}

/** The first words of a run: whose manifests, at what commit, on which hypervisors. */
export function describeSession({ revision, stateDirectory, world }: Session): string {
  const { commit, directory } = revision;
  const at = commit
    ? ` at ${commit.hash.slice(0, 7)}${commit.dirty ? "+" : ""} "${commit.subject}" by ${commit.author}`
    : "";
  return `fleet ${world.fleet} · ${directory}${at} · ${[...world.hosts.keys()].join(", ")} · state ${stateDirectory}`;
}

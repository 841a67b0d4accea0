import { hostname } from "node:os";
import { join } from "node:path";
import { codeOf } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import type { World } from "../controllers/controller.ts";
import { withStanding } from "../controllers/departures.ts";
import { Connections } from "../hosts/connections.ts";
import { Fences } from "../hosts/fences.ts";
import { Images } from "../hosts/images.ts";
import { Reachability } from "../hosts/reachability.ts";
import { FileLedger, readMemory } from "../ledger/file.ts";
import { MemoryLedger } from "../ledger/ledger.ts";
import { lastGoodOf, load } from "../manifests/load.ts";
import type { Revision } from "../manifests/revision.ts";
import { type Instruction, withInstruction } from "../replicas/instruction.ts";
import type { FleetMemory } from "../replicas/memory.ts";
import { instruct, isDaemonIn } from "../server/control.ts";
import { type LogLevel, openLog } from "../telemetry/log.ts";

/** Options that every command shares which works on hypervisors. */
export interface SessionOptions {
  readonly stateDir?: string;
  readonly keysDir?: string;
  readonly takeOver?: boolean;
  readonly logLevel?: LogLevel;
}

export interface HoldOptions {
  /**
   * Whether the ledger is written, and so must be this process's alone. `or-instruct`: where a daemon holds it, the daemon
   * is told what to write.
   */
  readonly hold: boolean | "or-instruct";
  /** For a daemon, which tries silent hypervisors again by itself and keeps its fences until it ends. */
  readonly stays?: boolean;
}

/** Everything a command works with: manifests, ledger, hypervisors. To be closed. */
export interface Session {
  readonly revision: Revision;
  readonly world: World;
  readonly connections: Connections;
  readonly stateDirectory: string;
  /** Whether a daemon holds the ledger: then it carries out what is said, and this process only reads. */
  readonly hasDaemon: boolean;
  /** Says something to whoever holds the ledger; resolves when it is remembered. */
  say(instruction: Instruction): Promise<void>;
  close(): Promise<void>;
}

/** A hypervisor that does not answer is left alone for this long: about as long as it took to find out. */
const REST_MILLISECONDS = 10_000;

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
  { hold, stays = false }: HoldOptions,
): Promise<Session> {
  const first = await load(directory);
  const stateDirectory = stateDirectoryOf(first.fleet, options.stateDir);
  const holder = `${hostname()}:${process.pid}`;
  const held = hold
    ? await FileLedger.open(stateDirectory, first.fleet, holder).catch(async (error: unknown) => {
        if (hold !== "or-instruct" || codeOf(error) !== "EK-STATE-HELD") throw error;
        if (!(await isDaemonIn(stateDirectory))) throw error;
        return undefined;
      })
    : undefined;
  const hasDaemon = hold !== false && held === undefined;
  const ledger = held ?? new MemoryLedger(await readMemory(stateDirectory, first.fleet));
  const revision = await withLastGood(directory, first, ledger.state).catch(async (error: unknown) => {
    await ledger.close();
    throw error;
  });
  const connections = new Connections(keysDirectoryOf(options.keysDir));
  await connections.follow(revision.hypervisors);
  const images = new Images(systemClock.now);
  return {
    revision,
    stateDirectory,
    connections,
    hasDaemon,
    say: (instruction) =>
      hasDaemon
        ? instruct(stateDirectory, instruction)
        : ledger.update((state) => withInstruction(state, instruction)),
    world: {
      fleet: revision.fleet,
      ledger,
      hosts: connections.hosts,
      stays,
      claim: { epoch: 0, ledger: "", holder, manifests: revision.directory },
      takeOver: options.takeOver ?? false,
      images,
      reach: new Reachability(systemClock.now, stays ? Infinity : REST_MILLISECONDS),
      fences: new Fences(),
      count: new Map(),
      log: await openLog(options.logLevel ?? "silent"),
    },
    async close() {
      await images.close();
      await connections.close();
      await ledger.close();
    },
  };
}

/** The same tree again, where something in it is broken and the ledger has a last good version. */
async function withLastGood(directory: string, first: Revision, memory: FleetMemory): Promise<Revision> {
  const lastGood = lastGoodOf(memory.documents);
  const broken = first.problems.some(({ severity }) => severity === "error");
  const revision = broken && lastGood.size > 0 ? await load(directory, { lastGood }) : first;
  return withStanding(revision, memory);
}

/** What the manifests are checked out at; empty where there is no commit. */
export const describeCommit = ({ commit }: Revision): string =>
  commit
    ? `${commit.hash.slice(0, 7)}${commit.dirty ? "+" : ""} "${commit.subject}" by ${commit.author}`
    : "";

/** The first words of a run: whose manifests, at what commit, on which hypervisors. */
export function describeSession({ revision, stateDirectory, world }: Session): string {
  const commit = describeCommit(revision);
  const at = commit === "" ? "" : ` at ${commit}`;
  return `fleet ${world.fleet} · ${revision.directory}${at} · ${[...world.hosts.keys()].join(", ")} · state ${stateDirectory}`;
}

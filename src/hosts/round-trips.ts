import type { Mac } from "../api/addresses.ts";
import type { FleetName, HypervisorName, Incarnation } from "../api/names.ts";
import { asError, EvenkeelError } from "../api/errors.ts";
import type { Observation, Unseen, HostFacts } from "../facts/facts.ts";
import { Convoy } from "./convoy.ts";
import type { Fences } from "./fences.ts";
import type { BlockResult } from "./change.ts";
import type { ProbeTarget } from "./probe.ts";
import type { Block, FenceClaim } from "./render.ts";
import type { Host } from "./host.ts";
import type { Reachability } from "./reachability.ts";
import type { Log } from "../telemetry/log.ts";

type Request =
  | {
      readonly what: "look";
      readonly hypervisors: readonly HypervisorName[];
      readonly drains: Drains;
    }
  | { readonly what: "change"; readonly blocks: ReadonlyMap<HypervisorName, Block> }
  | { readonly what: "probe"; readonly hypervisor: HypervisorName; readonly targets: readonly ProbeTarget[] };

/** What is counted for replicas that drain, wherever it is looked. */
export interface Drains {
  /** Namespaces whose connections are counted. */
  readonly namespaces: readonly string[];
  /** Replicas whose own sockets are counted. */
  readonly macs: readonly Mac[];
}

/** What came of everything that was asked at one stop. */
interface Journey {
  /** By hypervisor and tenant. */
  readonly changed: ReadonlyMap<HypervisorName, ReadonlyMap<string, BlockResult>>;
  readonly probed: ReadonlyMap<HypervisorName, ReadonlyMap<Incarnation, boolean>>;
  readonly looked: Observation;
}

/** Counted for people: how often a hypervisor was asked, and for what. */
export interface TripCount {
  readonly looks: number;
  readonly changes: number;
  readonly probes: number;
}

/** By hypervisor; grows as they are asked. */
export type TripCounts = Map<HypervisorName, TripCount>;

/** Told of each round trip: how long it took, in seconds, and whether it came to its end. */
export type Timed = (
  hypervisor: HypervisorName,
  what: keyof TripCount,
  seconds: number,
  isDone: boolean,
) => void;

export interface RoundTripOptions {
  readonly fleet: FleetName;
  readonly hosts: ReadonlyMap<HypervisorName, Host>;
  readonly reach: Reachability;
  readonly fences: Fences;
  /** How many tenants travel together. */
  readonly members: number;
  readonly claim: () => FenceClaim;
  /** Whether the next look may free the fence: for a controller that may end after it. */
  readonly freeFence: () => boolean;
  /** Whether each look renews it: for a controller that stays. */
  readonly keepsFence: boolean;
  readonly lookSeconds: number;
  readonly changeSeconds: number;
  readonly signal: AbortSignal;
  readonly nonce: () => string;
  readonly now: () => number;
  readonly schedule: (action: () => void, milliseconds: number) => () => void;
  /** Resolves when everything else has had its turn. */
  readonly turn: () => Promise<void>;
  readonly count: TripCounts;
  readonly timed: Timed | undefined;
  readonly log: Log;
}

/** A late tenant holds the others up for at most this long, in milliseconds. */
const PATIENCE = 10_000;

/** The round trips of one pass, shared by its tenants. */
export class RoundTrips {
  readonly #options: RoundTripOptions;
  readonly #convoy: Convoy<Request, Journey>;

  constructor(options: RoundTripOptions) {
    this.#options = options;
    this.#convoy = new Convoy({
      members: options.members,
      travel: (requests) => this.#travel(requests),
      patience: PATIENCE,
      schedule: options.schedule,
      turn: options.turn,
    });
  }

  async look(hypervisors: readonly HypervisorName[], drains: Drains): Promise<Observation> {
    return (await this.#convoy.stop({ what: "look", hypervisors, drains })).looked;
  }

  /** Runs one block on each hypervisor named. */
  async change(
    blocks: ReadonlyMap<HypervisorName, Block>,
  ): Promise<ReadonlyMap<HypervisorName, BlockResult>> {
    return pick((await this.#convoy.stop({ what: "change", blocks })).changed, blocks);
  }

  /** Which of the targets accept a connection from the gateway on that hypervisor. Those not heard of are left out. */
  async probe(
    hypervisor: HypervisorName,
    targets: readonly ProbeTarget[],
  ): Promise<ReadonlyMap<Incarnation, boolean>> {
    return (
      (await this.#convoy.stop({ what: "probe", hypervisor, targets })).probed.get(hypervisor) ?? new Map()
    );
  }

  /** Writes our claim on the fences, where nothing has been changed since they were seen. */
  async takeFences(hypervisors: readonly HypervisorName[]): Promise<void> {
    await Promise.all(hypervisors.map((hypervisor) => this.#changeOne(hypervisor, [])));
  }

  leave(): void {
    this.#convoy.leave();
  }

  /** Changes first, then probes, then looks: whoever looks sees what the others of this stop have done. */
  async #travel(requests: readonly Request[]): Promise<Journey> {
    const changes = requests.filter((request) => request.what === "change");
    const probes = requests.filter((request) => request.what === "probe");
    const looks = requests.filter((request) => request.what === "look");
    const changed = await this.#change(changes.map(({ blocks }) => blocks));
    const [probed, looked] = await Promise.all([this.#probe(probes), this.#look(looks)]);
    return { changed, probed, looked };
  }

  async #look(requests: readonly Extract<Request, { what: "look" }>[]): Promise<Observation> {
    const draining = [...new Set(requests.flatMap(({ drains }) => drains.namespaces))];
    const drainingMacs = [...new Set(requests.flatMap(({ drains }) => drains.macs))];
    const names = [...new Set(requests.flatMap(({ hypervisors }) => hypervisors))];
    const seen = new Map<HypervisorName, HostFacts>();
    const unseen = new Map<HypervisorName, Unseen>();
    await Promise.all(
      names.map(async (hypervisor) => {
        const { reach, fences, hosts } = this.#options;
        const host = hosts.get(hypervisor);
        if (!host) return;
        const silence = reach.silence(hypervisor);
        if (silence) {
          unseen.set(hypervisor, { hypervisor, error: silence });
          return;
        }
        const options = {
          ...this.#options,
          draining,
          drainingMacs,
          freeFence: this.#options.freeFence(),
          keepFence: this.#options.keepsFence ? this.#options.claim() : undefined,
          ledger: this.#options.claim().ledger,
        };
        try {
          const facts = await this.#counted(hypervisor, "looks", () => host.look(options));
          fences.looked(facts);
          seen.set(hypervisor, facts);
          reach.answered(hypervisor);
        } catch (thrown) {
          const error = asError(thrown);
          if (!options.signal.aborted) reach.failed(hypervisor, error);
          unseen.set(hypervisor, { hypervisor, error });
        }
      }),
    );
    return { seen, unseen };
  }

  async #change(
    all: readonly ReadonlyMap<HypervisorName, Block>[],
  ): Promise<ReadonlyMap<HypervisorName, ReadonlyMap<string, BlockResult>>> {
    const blocks = new Map<HypervisorName, Block[]>();
    for (const map of all)
      for (const [hypervisor, block] of map)
        blocks.set(hypervisor, [...(blocks.get(hypervisor) ?? []), block]);
    const results = await Promise.all(
      [...blocks].map(
        async ([hypervisor, own]) => [hypervisor, await this.#changeOne(hypervisor, own)] as const,
      ),
    );
    return new Map(results);
  }

  async #changeOne(
    hypervisor: HypervisorName,
    blocks: readonly Block[],
  ): Promise<ReadonlyMap<string, BlockResult>> {
    const { fleet, hosts, fences, nonce, claim, changeSeconds: deadlineSeconds, signal } = this.#options;
    const all = (message: string): Map<string, BlockResult> =>
      new Map(blocks.map(({ tenant }) => [tenant, { ok: false, message }]));
    const host = hosts.get(hypervisor);
    if (!host) return all("no such hypervisor");
    try {
      const serial = fences.serial(hypervisor);
      const batch = { fleet, claim: claim(), serial, blocks, deadlineSeconds, signal, nonce };
      const result = await this.#counted(hypervisor, "changes", () => host.change(batch));
      const { blocks: heard, rest, ended } = result;
      if (ended) fences.changed(hypervisor);
      // guard: unknown outcome is not success
      return new Map(blocks.map(({ tenant }) => [tenant, heard.get(tenant) ?? { ok: false, message: rest }]));
    } catch (error) {
      if (error instanceof EvenkeelError) return all(error.message);
      throw error;
    }
  }

  async #probe(
    requests: readonly Extract<Request, { what: "probe" }>[],
  ): Promise<ReadonlyMap<HypervisorName, ReadonlyMap<Incarnation, boolean>>> {
    const targets = new Map<HypervisorName, ProbeTarget[]>();
    for (const { hypervisor, targets: own } of requests)
      targets.set(hypervisor, [...(targets.get(hypervisor) ?? []), ...own]);
    const results = await Promise.all(
      [...targets].map(async ([hypervisor, all]) => {
        const host = this.#options.hosts.get(hypervisor);
        // A prober that does not answer says nothing about those it was to ask.
        const ask = async () => host?.probe(all, this.#options.signal);
        const answers = await this.#counted(hypervisor, "probes", ask).catch(() => undefined);
        return [hypervisor, answers ?? new Map<Incarnation, boolean>()] as const;
      }),
    );
    return new Map(results);
  }

  /** One exec on one hypervisor. */
  async #counted<Result>(
    hypervisor: HypervisorName,
    what: keyof TripCount,
    trip: () => Promise<Result>,
  ): Promise<Result> {
    const { count, log, now, timed } = this.#options;
    const before = count.get(hypervisor) ?? { looks: 0, changes: 0, probes: 0 };
    count.set(hypervisor, { ...before, [what]: before[what] + 1 });
    const begun = now();
    let isDone = false;
    try {
      const result = await trip();
      isDone = true;
      return result;
    } finally {
      timed?.(hypervisor, what, (now() - begun) / 1000, isDone);
      log.debug({ hypervisor, what, milliseconds: now() - begun }, "round trip");
    }
  }
}

function pick(
  changed: ReadonlyMap<HypervisorName, ReadonlyMap<string, BlockResult>>,
  blocks: ReadonlyMap<HypervisorName, Block>,
): ReadonlyMap<HypervisorName, BlockResult> {
  const lost = { ok: false, message: "no answer" };
  return new Map([...blocks].map(([name, { tenant }]) => [name, changed.get(name)?.get(tenant) ?? lost]));
}

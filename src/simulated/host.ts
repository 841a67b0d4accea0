import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName, Incarnation } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";
import { BASTION_KEY, publishedDirectory } from "../facts/script.ts";
import {
  type Batch,
  type BatchResult,
  type BlockResult,
  outdated,
  takenOver,
  UNKNOWN,
} from "../hosts/change.ts";
import type { Finding } from "../hosts/finding.ts";
import type { ContainerEngine } from "../hosts/engine.ts";
import type { Host } from "../hosts/host.ts";
import type { ImageStore } from "../hosts/image-store.ts";
import type { ListenOptions } from "../hosts/listen.ts";
import type { LookOptions } from "../hosts/look.ts";
import type { ProbeTarget } from "../hosts/probe.ts";
import type { Publication } from "../hosts/publish.ts";
import type { FenceClaim } from "../hosts/render.ts";
import type { SampleOptions } from "../hosts/sample.ts";
import { type Reading, readingOf } from "../load/samples.ts";
import type { ContainerRequest } from "../resources/operation.ts";
import type { Clients } from "./clients.ts";
import { describeContainer, settle, startContainer } from "./docker.ts";
import type { Fabric } from "./fabric.ts";
import { lookAt, summaryOf } from "./look.ts";
import type { Machine } from "./machine.ts";
import { type Budget, Cut, runBlock } from "./programs.ts";
import { Refused } from "./refused.ts";
import { simulatedStore } from "./store.ts";

/** What is asked of a hypervisor in one round trip. */
export interface Trip {
  readonly hypervisor: HypervisorName;
  readonly what:
    | "look"
    | "change"
    | "probe"
    | "health"
    | "sample"
    | "contact"
    | "publish"
    | "bastion key"
    | "image"
    | "pull"
    | "start"
    | "sandbox"
    | "describe";
  /** Ends the wait for the answer. */
  readonly signal: AbortSignal;
}

/**
 * What lies between a question and its answer: a network, with its delays and its faults. `perform` does what is asked, at
 * once; of a change, no more than so many lines of it.
 */
export type Passage = <Answer>(trip: Trip, perform: (lines?: number) => Answer) => Promise<Answer>;

/** What is around a hypervisor. */
export interface Surroundings {
  readonly clients: Clients;
  readonly fabric: Fabric;
}

/** A hypervisor that exists in memory alone, for whoever asks. */
export class SimulatedHost implements Host {
  readonly name: HypervisorName;
  readonly containers: ContainerEngine;
  readonly #machine: Machine;
  readonly #around: Surroundings;
  readonly #passage: Passage;

  constructor(machine: Machine, around: Surroundings, passage: Passage) {
    this.name = machine.name;
    this.#machine = machine;
    this.#around = around;
    this.#passage = passage;
    this.containers = {
      imageId: (image, signal) => this.#ask("image", signal, () => machine.images.get(image)),
      pull: (image, signal) =>
        this.#ask("pull", signal, () => void machine.images.set(image, `sha256:${image}`)),
      start: (request: ContainerRequest, signal) =>
        this.#ask("start", signal, () => startContainer(machine, request)),
      sandbox: (id, signal) =>
        this.#ask("sandbox", signal, () => {
          const container = machine.containers.get(id);
          return container?.space && container.sandbox;
        }),
      describe: (id, signal) => this.#ask("describe", signal, () => describeContainer(machine, id)),
    };
  }

  look(options: LookOptions): Promise<HostFacts> {
    return this.#ask("look", options.signal, () => {
      const facts = lookAt(this.#machine, this.#around.clients, options);
      const { freeFence, keepFence, ledger } = options;
      const { fence } = this.#machine;
      if (freeFence && ledger !== "" && fence?.ledger === ledger)
        this.#machine.fence = { ...fence, state: "free" };
      if (keepFence && keepFence.ledger !== "" && this.#isOurs(keepFence)) this.#hold(keepFence);
      return facts.fence && this.#machine.fence
        ? { ...facts, fence: { ...facts.fence, state: this.#machine.fence.state } }
        : facts;
    });
  }

  change({ blocks, claim, serial, signal }: Batch): Promise<BatchResult> {
    return this.#ask("change", signal, (lines = Number.POSITIVE_INFINITY) => {
      const { fence } = this.#machine;
      if (fence && !this.#isOurs(claim))
        return takenOver(this.name, `epoch ${fence.epoch}: held ${fence.holder}`);
      if ((fence?.serial ?? 0) !== serial) return outdated(this.name, serial);
      this.#hold(claim, serial + 1);
      const budget: Budget = { lines };
      const results = new Map<string, BlockResult>();
      let ended = false;
      try {
        for (const block of blocks) results.set(block.tenant, runBlock(this.#machine, block, budget));
        ended = true;
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
      }
      return { blocks: results, rest: UNKNOWN, ended };
    });
  }

  probe(targets: readonly ProbeTarget[], signal: AbortSignal): Promise<ReadonlyMap<Incarnation, boolean>> {
    return this.#ask("probe", signal, () => this.#answers(targets));
  }

  checkHealth(
    targets: readonly ProbeTarget[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Incarnation, boolean>> {
    return this.#ask("health", signal, () => this.#answers(targets));
  }

  sample({ fleet, signal }: SampleOptions): Promise<Reading> {
    return this.#ask("sample", signal, () => {
      const machine = this.#machine;
      const { now } = machine;
      const containers = [...machine.containers.values()].filter(({ space }) => space);
      const used = containers.map(({ id, pid, cpu }) => [id, { used: cpu.read(now), pid }] as const);
      const reading = {
        uptime: (now - machine.bootedAt) / 1000,
        used: machine.cpu.read(now),
        cpus: machine.options.cpus,
        source: "cgroup-v2" as const,
        containers: new Map(used),
      };
      const machines = [...machine.domains.values()]
        .filter(({ space }) => space)
        .map(({ request, cpu, waits }) => {
          const cpus = Math.max(1, Math.ceil(request.nanoCpus / 1e9));
          return [request.name, { pid: 0, used: cpu.read(now), waited: waits.read(now), cpus }] as const;
        });
      return readingOf(reading, {
        containers: containers.map(summaryOf),
        machines: new Map(machines),
        figures: new Map(), // nobody sends any
        fleet,
      });
    });
  }

  publish({ fleet, claim, files, signal }: Publication): Promise<void> {
    return this.#ask("publish", signal, () => {
      if (!this.#isOurs(claim)) return;
      for (const { tenant, name, text } of files)
        this.#machine.files.set(`${publishedDirectory(fleet, tenant)}/${name}`, text);
    });
  }

  readBastionKey(directory: string, signal: AbortSignal): Promise<string | undefined> {
    return this.#ask("bastion key", signal, () => this.#machine.files.get(`${directory}/${BASTION_KEY}`));
  }

  writeBastionKey(directory: string, key: string, signal: AbortSignal): Promise<void> {
    return this.#ask("bastion key", signal, () => {
      const { files } = this.#machine;
      if (!files.has(`${directory}/${BASTION_KEY}`)) files.set(`${directory}/${BASTION_KEY}`, key);
    });
  }

  images(): ImageStore {
    return simulatedStore(this.#machine, (signal, perform) =>
      this.#ask("image", signal, () => {
        try {
          return perform();
        } catch (error) {
          if (error instanceof Refused)
            throw new EvenkeelError("EK-CHANGE-FAILED", `${this.name}: ${error.message}`);
          throw error;
        }
      }),
    );
  }

  contact(_: unknown, signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#ask("contact", signal, () => []);
  }

  /** Nothing is ever heard of it: hints may be lost. */
  listen({ signal }: ListenOptions): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async close(): Promise<void> {}

  #ask<Answer>(
    what: Trip["what"],
    signal: AbortSignal,
    perform: (lines?: number) => Answer,
  ): Promise<Answer> {
    return this.#passage({ hypervisor: this.name, what, signal }, (lines) => {
      settle(this.#machine);
      this.#around.clients.settle();
      const answer = perform(lines);
      this.#around.clients.settle();
      return answer;
    });
  }

  /** Whether a claim may change what the fence keeps. */
  #isOurs({ epoch, ledger }: FenceClaim): boolean {
    const { fence } = this.#machine;
    return !fence || fence.epoch < epoch || (fence.epoch === epoch && fence.ledger === ledger);
  }

  #hold({ epoch, ledger, holder, manifests }: FenceClaim, serial = this.#machine.fence?.serial ?? 0): void {
    const { now } = this.#machine;
    this.#machine.fence = { epoch, ledger, holder, manifests, serial, state: "held", at: now };
  }

  #answers(targets: readonly ProbeTarget[]): Map<Incarnation, boolean> {
    const answers = new Map<Incarnation, boolean>();
    for (const { id, namespace, address } of targets) {
      const space = this.#machine.spaces.get(namespace);
      const container = space && this.#around.fabric.reach(this.#machine, space, address);
      answers.set(id, container !== undefined);
    }
    return answers;
  }
}

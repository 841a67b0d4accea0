import type { FleetName, HypervisorName, Incarnation } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { Reading } from "../load/samples.ts";
import { readBastionKey, writeBastionKey } from "./bastion-key.ts";
import { type Batch, type BatchResult, change } from "./change.ts";
import { contact } from "./contact.ts";
import type { ContactOptions } from "./contact-script.ts";
import type { ContainerEngine } from "./engine.ts";
import type { Finding } from "./finding.ts";
import { checkHealth } from "./health.ts";
import type { Host } from "./host.ts";
import { type ImageStore, ShellImageStore } from "./image-store.ts";
import { listen, type ListenOptions } from "./listen.ts";
import { look, type LookOptions } from "./look.ts";
import { probe, type ProbeTarget } from "./probe.ts";
import { type Publication, publish } from "./publish.ts";
import { sample, type SampleOptions } from "./sample.ts";
import type { Shell } from "./shell.ts";

/** A hypervisor asked by scripts: what is asked is one file each, beside this one. */
export class ShellHost implements Host {
  readonly name: HypervisorName;
  readonly containers: ContainerEngine;
  readonly #shell: Shell;

  constructor(shell: Shell) {
    this.name = shell.name;
    this.containers = shell.containers;
    this.#shell = shell;
  }

  look(options: LookOptions): Promise<HostFacts> {
    return look(this.#shell, options);
  }

  change(batch: Batch): Promise<BatchResult> {
    return change(this.#shell, batch);
  }

  probe(targets: readonly ProbeTarget[], signal: AbortSignal): Promise<ReadonlyMap<Incarnation, boolean>> {
    return probe(this.#shell, targets, signal);
  }

  checkHealth(
    targets: readonly ProbeTarget[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Incarnation, boolean>> {
    return checkHealth(this.#shell, targets, signal);
  }

  sample(options: SampleOptions): Promise<Reading> {
    return sample(this.#shell, options);
  }

  contact(asked: ContactOptions, signal: AbortSignal): Promise<readonly Finding[]> {
    return contact(this.#shell, asked, signal);
  }

  listen(options: ListenOptions): Promise<void> {
    return listen(this.#shell, options);
  }

  publish(publication: Publication): Promise<void> {
    return publish(this.#shell, publication);
  }

  readBastionKey(directory: string, signal: AbortSignal): Promise<string | undefined> {
    return readBastionKey(this.#shell, directory, signal);
  }

  writeBastionKey(directory: string, key: string, signal: AbortSignal): Promise<void> {
    return writeBastionKey(this.#shell, directory, key, signal);
  }

  images(fleet: FleetName): ImageStore {
    return new ShellImageStore(this.#shell, fleet);
  }

  close(): Promise<void> {
    return this.#shell.close();
  }
}

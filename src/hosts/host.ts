import type { FleetName, HypervisorName, Incarnation } from "../api/names.ts";
import type { ContainerMade } from "../facts/container-made.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { Reading } from "../load/samples.ts";
import type { ContainerRequest } from "../resources/operation.ts";
import type { Batch, BatchResult } from "./change.ts";
import type { ContactOptions } from "./contact-script.ts";
import type { Finding } from "./finding.ts";
import type { ImageStore } from "./image-store.ts";
import type { ListenOptions } from "./listen.ts";
import type { LookOptions } from "./look.ts";
import type { ProbeTarget } from "./probe.ts";
import type { Publication } from "./publish.ts";
import type { SampleOptions } from "./sample.ts";

/** What creating and starting a container tells that the list does not. */
export interface StartedContainer {
  readonly id: string;
  /** Docker's file for the container's network namespace: `ip link add … netns FILE` takes it, without a race on pids. */
  readonly sandbox: string;
}

/**
 * The Docker Engine of one hypervisor. Every call has a deadline of its own and rejects with an EvenkeelError: EK-DOCKER
 * when the engine does not answer, EK-CHANGE-FAILED when it refuses a pull or a start, EK-HOST-UNREACHABLE or EK-HOST-KEY
 * when there is no way to it.
 */
export interface ContainerEngine {
  /** The image's id (`sha256:…`), or undefined when the engine does not have it. */
  imageId(image: string, signal: AbortSignal): Promise<string | undefined>;
  pull(image: string, signal: AbortSignal): Promise<void>;
  /**
   * Creates and starts. A container of that name that carries the labels asked for is started, not made again; one
   * without them is somebody else's and stays as it is.
   */
  start(request: ContainerRequest, signal: AbortSignal): Promise<StartedContainer>;
  /** The sandbox of a running container; undefined when it does not run. */
  sandbox(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** What a container was made from; undefined when there is none of that id. */
  describe(id: string, signal: AbortSignal): Promise<ContainerMade | undefined>;
}

/**
 * A hypervisor as the rest of evenkeel reaches it: what can be asked of it, each in one round trip. What it takes to ask is
 * the business of those who implement it.
 */
export interface Host {
  readonly name: HypervisorName;
  /**
   * Everything that stands there.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-LOOK-INCOMPLETE: then nothing is known, least of all that
   *   something is not there
   */
  look(options: LookOptions): Promise<HostFacts>;
  /**
   * Changes something. What came of it is in the result, also that it is not known.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY: then nothing ran
   */
  change(batch: Batch): Promise<BatchResult>;
  /** Asks replicas until each has answered as often as it must, or for a while. Those not heard of are left out. */
  probe(targets: readonly ProbeTarget[], signal: AbortSignal): Promise<ReadonlyMap<Incarnation, boolean>>;
  /** Asks replicas once. Those of which the prober says nothing are left out: that is not the same as not being well. */
  checkHealth(
    targets: readonly ProbeTarget[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Incarnation, boolean>>;
  /**
   * Reads the counters of the hypervisor and of the fleet's replicas there.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-DOCKER, EK-LOOK-INCOMPLETE: then there is no sample, which
   *   is not a load of zero
   */
  sample(options: SampleOptions): Promise<Reading>;
  /**
   * Checks what must be there before evenkeel works on it.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY
   */
  contact(asked: ContactOptions, signal: AbortSignal): Promise<readonly Finding[]>;
  /**
   * Tells of changes there, for a while; to be called again. Hints: they may be lost.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY
   */
  listen(options: ListenOptions): Promise<void>;
  /**
   * Puts files where bastions show them.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-CHANGE-FAILED
   */
  publish(publication: Publication): Promise<void>;
  readonly containers: ContainerEngine;
  /** A fleet's image directory there. */
  images(fleet: FleetName): ImageStore;
  /** Ends the connection and leaves no timer behind. May be called twice. */
  close(): Promise<void>;
}

import type { FleetName, HypervisorName, Incarnation } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { Reading } from "../load/samples.ts";
import type { Batch, BatchResult } from "./change.ts";
import type { ContactOptions } from "./contact-script.ts";
import type { ContainerEngine } from "./engine.ts";
import type { Finding } from "./finding.ts";
import type { ImageStore } from "./image-store.ts";
import type { ListenOptions } from "./listen.ts";
import type { LookOptions } from "./look.ts";
import type { ProbeTarget } from "./probe.ts";
import type { Publication } from "./publish.ts";
import type { SampleOptions } from "./sample.ts";

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
  /**
   * The host key that a bastion keeps in a directory there, or kept; undefined where there is none.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-CHANGE-FAILED
   */
  readBastionKey(directory: string, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Puts one there, unless there is one.
   * @throws EvenkeelError as reading it does
   */
  writeBastionKey(directory: string, key: string, signal: AbortSignal): Promise<void>;
  readonly containers: ContainerEngine;
  /** A fleet's image directory there. */
  images(fleet: FleetName): ImageStore;
  /** Ends the connection and leaves no timer behind. May be called twice. */
  close(): Promise<void>;
}

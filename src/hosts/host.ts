import type { HypervisorName } from "../api/names.ts";

/** What came of a script that ran, or may have run, on a hypervisor. */
export interface ScriptResult {
  /**
   * `ended`: it ran to its end, `code` is its own. `unknown`: the connection was lost or the deadline passed, so it may
   * have run in whole, in part or not at all, and may still be running; only another look can tell.
   */
  readonly state: "ended" | "unknown";
  /** Exit status; undefined when unknown. 124 and 137 are `timeout`'s. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container as Docker's list shows it. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  /** created, running, paused, restarting, removing, exited, dead */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What Docker is asked to create: one interface-less container that never restarts by itself. */
export interface ContainerRequest {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[] | undefined;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly labels: Readonly<Record<string, string>>;
  /** Billionths of a CPU. */
  readonly nanoCpus: number;
  /** Bytes. */
  readonly memory: number;
}

/** What creating and starting a container tells that the list does not. */
export interface StartedContainer {
  readonly id: string;
  /** Docker's file for the container's network namespace: `ip link add … netns FILE` takes it, without a race on pids. */
  readonly sandbox: string;
}

/** The Docker Engine of one hypervisor. Every call has a deadline of its own and rejects with an EvenkeelError. */
export interface ContainerEngine {
  /** All containers, foreign ones too. */
  list(signal: AbortSignal): Promise<readonly ContainerSummary[]>;
  /** The image's id (`sha256:…`), or undefined when the engine does not have it. */
  imageId(image: string, signal: AbortSignal): Promise<string | undefined>;
  pull(image: string, signal: AbortSignal): Promise<void>;
  /** Creates and starts; a container of that name that is already there is started, not made again. */
  start(request: ContainerRequest, signal: AbortSignal): Promise<StartedContainer>;
  /** The sandbox of a running container; undefined when it does not run. */
  sandbox(id: string, signal: AbortSignal): Promise<string | undefined>;
}

/** A hypervisor as the rest of evenkeel reaches it. */
export interface Host {
  readonly name: HypervisorName;
  /**
   * Runs a POSIX shell script given on standard input, as one exec. `deadlineSeconds` also holds on the hypervisor
   * (`timeout -k`), because a lost connection does not stop a remote command.
   * Rejects with EK-HOST-UNREACHABLE or EK-HOST-KEY when no connection can be had, so that nothing ran.
   */
  run(script: string, options: { deadlineSeconds: number; signal: AbortSignal }): Promise<ScriptResult>;
  readonly containers: ContainerEngine;
  close(): Promise<void>;
}

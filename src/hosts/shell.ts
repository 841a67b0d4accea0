import type { HypervisorName } from "../api/names.ts";
import type { ContainerSummary } from "../facts/facts.ts";
import type { ContainerEngine } from "./engine.ts";

/** What came of a script that ran, or may have run, on a hypervisor. */
export interface ScriptResult {
  /**
   * `ended`: it ran to its end, `code` is its own. `unknown`: the connection was lost, the deadline passed, the caller
   * aborted, a signal killed it or it printed too much, so it may have run in whole, in part or not at all, and may
   * still be running; only another look can tell. The last line of `stderr` then says which.
   */
  readonly state: "ended" | "unknown";
  /** Exit status; undefined when unknown. 124 is `timeout`'s: the deadline passed and the script heeded its signal. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a script may take, and who may call it off. */
export interface ScriptOptions {
  /** Whole seconds, at least 1; holds on the hypervisor, from the start of the script. */
  readonly deadlineSeconds: number;
  readonly signal: AbortSignal;
  /**
   * Given what the script prints as it comes, in pieces of any length. For scripts that go on for long: they take none of
   * the places that the others wait for.
   */
  readonly heard?: (text: string) => void;
}

/** The Docker Engine as a connection reaches it. */
export interface ListingEngine extends ContainerEngine {
  /** All containers, foreign ones too. */
  list(signal: AbortSignal): Promise<readonly ContainerSummary[]>;
}

/** What a connection to a hypervisor gives: a shell there, and its Docker Engine. */
export interface Shell {
  readonly name: HypervisorName;
  /**
   * Runs a POSIX shell script given on standard input, as one exec. The deadline also holds on the hypervisor
   * (`timeout -k`), because a lost connection does not stop a remote command.
   * Rejects with EK-HOST-UNREACHABLE, EK-HOST-KEY or EK-SECRET when no connection can be had, so that nothing ran.
   */
  run(script: string, options: ScriptOptions): Promise<ScriptResult>;
  readonly containers: ListingEngine;
  /** Ends the connection and leaves no timer behind; scripts still running become `unknown`. May be called twice. */
  close(): Promise<void>;
}

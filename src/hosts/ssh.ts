import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import { DockerEngine } from "./docker.ts";
import type { ListingEngine, ScriptOptions, ScriptResult, Shell } from "./shell.ts";
import { ScriptQueue } from "./script-queue.ts";
import { NotSent, SshSession } from "./ssh-session.ts";
import type { SshTarget } from "./ssh-target.ts";
import { unreachable } from "./ssh-trouble.ts";

/** A hypervisor reached over one SSH connection, opened by the first call and again by the next after a loss. */
export class SshShell implements Shell {
  readonly name: HypervisorName;
  readonly containers: ListingEngine;
  readonly #target: SshTarget;
  readonly #queue = new ScriptQueue();
  readonly #closed = new AbortController();
  #session: Promise<SshSession> | undefined;

  constructor(target: SshTarget) {
    this.name = target.name;
    this.#target = target;
    this.containers = new DockerEngine(
      target.name,
      async () => (await this.#connect()).docker,
      `on ${target.name}: systemctl status docker; its sshd needs AllowStreamLocalForwarding yes and AllowTcpForwarding local`,
    );
  }

  async run(script: string, options: ScriptOptions): Promise<ScriptResult> {
    if (options.heard) return await this.#run(script, options);
    return await this.#queue.run(options.signal, () => this.#run(script, options));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const session = await this.#session?.catch(() => undefined);
    await session?.end();
  }

  async #run(script: string, options: ScriptOptions): Promise<ScriptResult> {
    const session = await this.#connect();
    try {
      return await session.run(script, options);
    } catch (error) {
      if (!(error instanceof NotSent)) throw error;
      if (session.isOpen || options.signal.aborted) throw unreachable(this.#target, error.cause);
    }
    // The connection turned out to be dead when it was used again. Nothing ran, so once more on a fresh one.
    const fresh = await this.#connect();
    return await fresh.run(script, options).catch((error: unknown) => {
      throw unreachable(this.#target, error instanceof NotSent ? error.cause : error);
    });
  }

  /** The session that stands, or the one attempt at a new one that all callers share. */
  async #connect(): Promise<SshSession> {
    const current = this.#session;
    if (current !== undefined) {
      const session = await current;
      if (session.isOpen) return session;
      if (this.#session === current) this.#session = undefined;
    }
    if (this.#closed.signal.aborted) {
      throw new EvenkeelError("EK-HOST-UNREACHABLE", `${this.name}: its connection was closed`);
    }
    this.#session ??= this.#attempt();
    return this.#session;
  }

  async #attempt(): Promise<SshSession> {
    try {
      return await SshSession.open(this.#target, this.#closed.signal);
    } catch (error) {
      this.#session = undefined; // the next call tries again
      throw unreachable(this.#target, error);
    }
  }
}

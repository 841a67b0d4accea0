import type { Hypervisor } from "../api/kinds.gen.ts";
import type { HypervisorName } from "../api/names.ts";
import { connect } from "./connect.ts";
import type { Host } from "./host.ts";
import { ShellHost } from "./shell-host.ts";

/** One host for each hypervisor, for as long as its manifest says the same about how it is reached. */
export class Connections {
  readonly #keysDirectory: string;
  readonly #hosts = new Map<HypervisorName, Host>();
  readonly #said = new Map<HypervisorName, string>();

  constructor(keysDirectory: string) {
    this.#keysDirectory = keysDirectory;
  }

  /** The hosts by name; changes as manifests do. */
  get hosts(): ReadonlyMap<HypervisorName, Host> {
    return this.#hosts;
  }

  /** Takes the manifests over: what is new gets a host, what changed gets another, what is gone is closed. */
  async follow(hypervisors: ReadonlyMap<HypervisorName, Hypervisor>): Promise<void> {
    const closed: Promise<void>[] = [];
    for (const [name, host] of this.#hosts) {
      if (this.#said.get(name) === saidOf(hypervisors.get(name))) continue;
      this.#hosts.delete(name);
      closed.push(host.close());
    }
    for (const [name, hypervisor] of hypervisors) {
      if (this.#hosts.has(name)) continue;
      const { ssh } = hypervisor.spec.connection;
      const options = { keysDirectory: this.#keysDirectory };
      const shell = connect(name, ssh ? { ssh } : { local: {} }, options);
      this.#hosts.set(name, new ShellHost(shell));
      this.#said.set(name, saidOf(hypervisor));
    }
    await Promise.all(closed);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }
}

const saidOf = (hypervisor: Hypervisor | undefined): string => JSON.stringify(hypervisor?.spec.connection);

import { addressOf, type Ipv4 } from "../api/addresses.ts";
import { trusted } from "../api/names.ts";
import type { NamespaceFacts } from "../facts/facts.ts";
import type { Fabric } from "./fabric.ts";
import type { Machine } from "./machine.ts";
import type { Workload, Space } from "./parts.ts";

/** One TCP connection of a client to a service. */
export interface Connection {
  /** `198.18.100.10:80`. */
  readonly service: string;
  readonly home: Machine;
  readonly gateway: Space;
  readonly address: Ipv4;
  readonly port: number;
  readonly workload: Workload;
  /** Milliseconds since the epoch when the client is done. */
  readonly until: number;
  /** When it was cut, and by what; undefined while it was not. */
  cut?: { readonly at: number; readonly why: string };
}

/** What became of a client's wish for a connection. */
export type Answer =
  | { readonly state: "open"; readonly connection: Connection }
  /** Nobody has the address, or the balancer has nobody to send to, or it sent to somebody who does not answer. */
  | { readonly state: "none" | "refused" | "dead"; readonly address?: Ipv4 };

/** The clients of a simulated world: they come in by the services' addresses, and hold connections. */
export class Clients {
  readonly #fabric: Fabric;
  readonly #now: () => number;
  readonly #turns = new Map<string, number>();
  connections: Connection[] = [];
  readonly cut: Connection[] = [];

  constructor(fabric: Fabric, now: () => number) {
    this.#fabric = fabric;
    this.#now = now;
  }

  /** Opens a connection that lasts some milliseconds. */
  connect(service: string, milliseconds: number): Answer {
    const [address = "", port = ""] = service.split(":");
    const door = this.announcers(address)[0];
    if (!door) return { state: "none" };
    const backends = backendsOf(door.space, address, port);
    if (backends.length === 0) return { state: "refused" };
    const turn = this.#turns.get(service) ?? 0;
    this.#turns.set(service, turn + 1);
    const backend = backends[turn % backends.length];
    if (!backend) return { state: "refused" };
    const workload = this.#fabric.reach(door.machine, door.space, backend.address);
    if (!workload || workload.endsAt !== undefined) return { state: "dead", address: backend.address };
    const connection: Connection = {
      service,
      home: door.machine,
      gateway: door.space,
      workload,
      until: this.#now() + milliseconds,
      ...backend,
    };
    this.connections.push(connection);
    return { state: "open", connection };
  }

  /** Who answers for an address on the clients' network; more than one is a fault. */
  announcers(address: string): { machine: Machine; space: Space }[] {
    return [...this.#fabric.machines.values()]
      .filter(({ name }) => !this.#fabric.off.has(name))
      .flatMap((machine) =>
        [...machine.spaces.values()]
          .filter(({ links }) =>
            links.some(
              ({ name, up, addresses }) =>
                name === "up0" && up && addresses.some((own) => addressOf(own) === address),
            ),
          )
          .map((space) => ({ machine, space })),
      );
  }

  /** Ends connections that are over, and notes those that something cut. To be called after anything has changed. */
  settle(): void {
    const now = this.#now();
    const live: Connection[] = [];
    for (const connection of this.connections) {
      if (connection.until <= now) continue;
      const why = this.#trouble(connection);
      // A workload that was told to end says so to whom it is connected, and they go.
      if (why === undefined && connection.workload.endsAt !== undefined) continue;
      if (why === undefined) live.push(connection);
      else {
        connection.cut = { at: now, why };
        this.cut.push(connection);
      }
    }
    this.connections = live;
  }

  /** What conntrack counts in a gateway's namespace. */
  counted(space: Space): Pick<NamespaceFacts, "connections" | "unclosed"> {
    const counts: Record<Ipv4, number> = {};
    for (const { gateway, address } of this.connections)
      if (gateway === space) counts[address] = (counts[address] ?? 0) + 1;
    return { connections: counts, unclosed: counts };
  }

  /** What a workload's own table counts, by port. */
  socketsOf(workload: Workload): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const one of this.connections)
      if (one.workload === workload) counts.set(one.port, (counts.get(one.port) ?? 0) + 1);
    return counts;
  }

  #trouble({ home, gateway, workload }: Connection): string | undefined {
    if (![...home.spaces.values()].includes(gateway)) return "its gateway is gone";
    if (!gateway.links.some(({ name }) => name === "up0")) return "its gateway's uplink is gone";
    if (workload.state === "exited") return "its replica is gone";
    if (!workload.space?.links.some(({ name, peer }) => name === "eth0" && peer))
      return "its replica's port is gone";
    return undefined;
  }
}

/** Whom a gateway's balancer points at, through the second level where there is one. */
export function backendsOf(space: Space, address: string, port: string): { address: Ipv4; port: number }[] {
  const { rules = [], chains = {} } = space.ipv4["nat"] ?? {};
  const into = (chain: string): { address: Ipv4; port: number }[] =>
    rules
      .filter((rule) => rule.startsWith(`-A ${chain} `))
      .flatMap((rule) => {
        const [, to, at] = /--to-destination ([\d.]+):(\d+)/.exec(rule) ?? [];
        if (to !== undefined) return [{ address: trusted<Ipv4>(to), port: Number(at) }];
        const next = / -j (\S+)$/.exec(rule)?.[1] ?? "";
        return chains[next] === "-" && next !== chain ? into(next) : [];
      });
  const entry = rules.find(
    (rule) =>
      rule.startsWith("-A PREROUTING ") &&
      rule.includes(` -d ${address} `) &&
      rule.includes(" -p tcp") &&
      / --dport (\d+)/.exec(rule)?.[1] === port,
  );
  const chain = entry && / -j (\S+)$/.exec(entry)?.[1];
  return chain === undefined ? [] : into(chain);
}

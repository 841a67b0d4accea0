import type { Ipv4 } from "../../src/api/addresses.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { backendsOf } from "../../src/simulated/clients.ts";
import type { Machine } from "../../src/simulated/machine.ts";
import type { Workload, Space } from "../../src/simulated/parts.ts";
import type { Simulation } from "../../src/simulated/simulation.ts";
import type { VirtualClock } from "./clock.ts";
import { isForeign } from "./foreign.ts";

/** Whose doing it is that things are as they are now. */
type Cause = "controller" | "fault";

/** A subnet's service, as clients use it. */
interface Service {
  readonly tenant: string;
  readonly key: string;
  readonly graceMilliseconds: number;
  readonly isGone?: boolean;
}

/** Watches all that a controller does, step by step, for what must never be. */
export class Monitor {
  readonly violations: string[] = [];
  /** Containers made and removed, by tenant. */
  readonly created = new Map<string, number>();
  readonly removed = new Map<string, number>();
  /** Whether connections may be cut now: those of a home that moves by hand. */
  mayCut = false;
  /** Whether a request may go unanswered now: a fault has hit those who answer. */
  mayFail = false;
  /** The part of its time that a drain may be short of. */
  slack = 0;
  readonly #simulation: Simulation;
  readonly #clock: VirtualClock;
  #services: readonly Service[] = [];
  readonly #names = new Set<string>();
  #standing = new Map<string, Workload>();
  /** Since when nobody balances to a workload, by id. */
  readonly #unbalanced = new Map<string, number>();
  /** Addresses that a fault has made dead, each with the service that it belongs to. */
  readonly #excused = new Set<string>();
  readonly #answered = new Set<string>();
  #cuts = 0;

  constructor(simulation: Simulation, clock: VirtualClock) {
    this.#simulation = simulation;
    this.#clock = clock;
  }

  /** Takes over whom clients ask, and how long they may take to go. */
  grace(revision: Revision): void {
    const services = [...revision.tenants.values()].flatMap(({ name, subnets }) =>
      [...subnets.values()].flatMap(({ spec }) =>
        spec.service
          ? [
              {
                tenant: name,
                key: `${spec.service.address}:80`,
                graceMilliseconds: spec.drain.gracePeriodSeconds * 1000,
              },
            ]
          : [],
      ),
    );
    // Of what is gone its clients do not know yet.
    const gone = this.#services.filter(({ key }) => !services.some((one) => one.key === key));
    this.#services = [...services, ...gone.map((one) => ({ ...one, isGone: true }))];
    for (const { key } of gone) this.#answered.delete(key);
  }

  /** Opens connections that are there while what follows is done: some go soon, one stays for long. */
  populate(): void {
    for (const { key } of this.#services)
      for (const seconds of [1, 2, 3, 3600]) this.#simulation.clients.connect(key, seconds * 1000);
  }

  check(cause: Cause): void {
    const now = this.#clock.now();
    this.#simulation.clients.settle();
    this.#count(cause);
    this.#unique();
    const balanced = this.#balanced(cause);
    for (const { id } of this.#standing.values())
      if (balanced.has(id)) this.#unbalanced.delete(id);
      else if (!this.#unbalanced.has(id)) this.#unbalanced.set(id, now);
    this.#cut(cause, now);
    this.#requests(cause);
  }

  /** What clients get when all is over: every one of them an answer. */
  settled(): void {
    for (const { key } of this.#services.filter(({ isGone }) => !isGone))
      for (let request = 0; request < 8; request++) {
        const { state } = this.#simulation.clients.connect(key, 1);
        if (state !== "open") this.#say(`in the end a request to ${key} fails: ${state}`);
      }
  }

  #say(what: string): void {
    if (!this.violations.includes(what)) this.violations.push(what);
  }

  /** Everything that comes and goes, and that no name comes twice. */
  #count(cause: Cause): void {
    const standing = new Map<string, Workload>();
    for (const machine of this.#simulation.machines)
      for (const workload of machine.workloads())
        if (!isForeign(workload.id)) standing.set(workload.id, workload);
    for (const [id, { request }] of standing) {
      if (this.#standing.has(id)) continue;
      if (this.#names.has(request.name)) this.#say(`the name ${request.name} was given a second time`);
      this.#names.add(request.name);
      if (cause === "controller") count(this.created, tenantOf(request.name));
    }
    for (const [id, { request }] of this.#standing)
      if (!standing.has(id) && cause === "controller") count(this.removed, tenantOf(request.name));
    this.#standing = standing;
  }

  /** No address of a tenant stands twice, no VXLAN id is two segments', no service is announced by two. */
  #unique(): void {
    const addresses = new Map<string, string>();
    const ids = new Map<number, string>();
    for (const machine of this.#simulation.machines) {
      for (const workload of machine.workloads()) {
        const { name } = workload.request;
        const own = workload.space?.links.find((link) => link.name === "eth0")?.addresses[0];
        if (own === undefined) continue;
        const key = `${tenantOf(name)} ${own}`;
        const other = addresses.get(key);
        if (other !== undefined && other !== name) this.#say(`${name} and ${other} have the address ${own}`);
        addresses.set(key, name);
      }
      for (const [name, { links }] of machine.spaces)
        for (const { vxlan, name: link } of links) {
          if (!vxlan) continue;
          const segment = `${name} ${link}`;
          const other = ids.get(vxlan.id) ?? segment;
          if (other !== segment) this.#say(`${segment} and ${other} have the VXLAN id ${vxlan.id}`);
          ids.set(vxlan.id, segment);
        }
    }
    for (const { key } of this.#services)
      if (this.#simulation.clients.announcers(key.split(":")[0] ?? "").length > 1)
        this.#say(`${key} is announced by two`);
  }

  /** Ids of all that a balancer points at; and none of them may be dead while another one is alive. */
  #balanced(cause: Cause): ReadonlySet<string> {
    const balanced = new Set<string>();
    for (const { machine, space, key } of this.#gateways()) {
      const [service = "", port = ""] = key.split(":");
      const targets = backendsOf(space, service, port).map(({ address }) => ({
        address,
        workload: this.#reach(machine, space, address),
      }));
      for (const { workload } of targets) if (workload) balanced.add(workload.id);
      const dead = targets.filter(({ workload }) => !workload).map(({ address }) => address);
      const excuse = (address: Ipv4): string => `${key} ${address}`;
      const isCut = this.#simulation.fabric.blocked.size > 0;
      if (cause === "fault" || isCut || this.mayFail)
        for (const address of dead) this.#excused.add(excuse(address));
      const news = dead.filter((address) => !this.#excused.has(excuse(address)));
      if (news.length > 0 && targets.some(({ workload }) => workload))
        this.#say(
          `the balancer of ${key} points at ${news.join(", ")}, which is dead, though others are alive`,
        );
      for (const { address, workload } of targets) if (workload) this.#excused.delete(excuse(address));
    }
    return balanced;
  }

  *#gateways(): Iterable<{ machine: Machine; space: Space; key: string }> {
    for (const { key } of this.#services)
      for (const { machine, space } of this.#simulation.clients.announcers(key.split(":")[0] ?? ""))
        yield { machine, space, key };
  }

  #reach(machine: Machine, space: Space, address: Ipv4): Workload | undefined {
    const workload = this.#simulation.fabric.reach(machine, space, address);
    return workload && workload.endsAt === undefined ? workload : undefined;
  }

  /** A connection is cut by a fault, or after its replica had its time, or never. */
  #cut(cause: Cause, now: number): void {
    const { cut } = this.#simulation.clients;
    for (const { workload, service, cut: how } of cut.slice(this.#cuts)) {
      const since = this.#unbalanced.get(workload.id);
      const grace = this.#services.find(({ key }) => key === service)?.graceMilliseconds ?? 0;
      const isLate = since !== undefined && now - since >= grace * (1 - this.slack);
      if (cause === "controller" && !isLate && !this.mayCut)
        this.#say(
          `a connection to ${workload.request.name} was cut (${how?.why}) ${since === undefined ? "while it was balanced to" : `${(now - since) / 1000} s after it left the balancer`}`,
        );
    }
    this.#cuts = cut.length;
  }

  /** Whoever was once answered is answered always. */
  #requests(cause: Cause): void {
    for (const { key, isGone } of this.#services) {
      if (isGone) continue;
      const { state } = this.#simulation.clients.connect(key, 500);
      if (state === "open") this.#answered.add(key);
      else if (cause === "fault") this.mayFail = true;
      else if (this.#answered.has(key) && !this.mayFail) this.#say(`a request to ${key} failed: ${state}`);
    }
  }
}

const tenantOf = (name: string): string => name.split(".")[1] ?? "";

const count = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

import type { Cidr, Ipv4 } from "../../src/api/addresses.ts";
import type { Bastion, Hypervisor, Subnet, Tenant } from "../../src/api/kinds.gen.ts";
import { type HypervisorName, type TenantName, trusted } from "../../src/api/names.ts";
import type { HostTraits } from "../../src/facts/traits.ts";
import { operationsOf } from "../../src/plan/order.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import type { ForwardingState } from "../../src/resources/forwarding.ts";
import type { LinkState } from "../../src/resources/link.ts";
import { namespaceOf } from "../../src/resources/marks.ts";
import type { NeighboursState } from "../../src/resources/neighbours.ts";
import type { ContainerRequest, Phase, ScriptOperation, Tool } from "../../src/resources/operation.ts";
import { keyOf } from "../../src/resources/resource.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import {
  alter,
  FLEET,
  hypervisor,
  pass,
  type Scenario,
  scenario,
  serving,
  subnet,
  tenant,
} from "./scenario.ts";

/** What plans make one hypervisor do, from nothing on, in order. */
export type Story = readonly ScriptOperation[];

/** What a plan makes one hypervisor do for replicas: what they are, and all that is done for their ports. */
export interface Replicas {
  readonly network: Story;
  readonly requests: readonly ContainerRequest[];
  /** By the name of the container. */
  readonly ports: ReadonlyMap<string, Story>;
}

/** A hypervisor of the lab. */
export interface Place {
  readonly name: string;
  readonly underlay: Ipv4;
}

/** A bridge of the hypervisor's own on which the uplink of one tenant hangs; the other's hangs on a NIC. */
export const EXCHANGE = "exchange";

const T1 = trusted<TenantName>("t1");
const T2 = trusted<TenantName>("t2");
const ON_BRIDGE: HostTraits = { uplinkIsBridge: true, uplinkMtu: 1500, dropsBridged: true };

/** Everything that is emitted for one hypervisor in some lives of tenants: what it is home to, and what it stands by for. */
export const storiesOf = (self: Place, other: Place): Story[] =>
  [changed, mended, moved].map((live) => {
    const life = new Life(self, other);
    live(life, life.tenants());
    return life.told;
  });

/** The first replicas of a tenant. */
export function replicasOf(self: Place, other: Place): Replicas {
  const life = new Life(self, other);
  const { first } = life.tenants();
  life.pass(first);
  return replicasIn(life.told, first, self);
}

function replicasIn(told: Story, { rounds }: Scenario, self: Place): Replicas {
  const requests = rounds
    .flat()
    .filter(({ hypervisor: at }) => at === self.name)
    .flatMap(({ operations }) => operations.flatMap((one) => (one.tool === "engine" ? [one.request] : [])));
  const isOf = ({ name }: ContainerRequest, operation: ScriptOperation): boolean =>
    OF_PORTS.has(operation.phase) && JSON.stringify(operation).includes(name.split(".").at(-1) ?? "");
  return {
    network: told.slice(
      0,
      told.findIndex(({ phase }) => phase === "plug"),
    ),
    requests,
    ports: new Map(requests.map((one) => [one.name, told.filter((operation) => isOf(one, operation))])),
  };
}

/** What a plan makes one hypervisor do for two replicas with a service, and then for the second to leave. */
export function leavingOf(
  self: Place,
  other: Place,
): Replicas & { readonly all: Story; readonly left: Story } {
  const life = new Life(self, other);
  const { first } = life.tenants();
  first.subnets = [web({ replicas: { min: 2, max: 2 } })];
  life.pass(first);
  const replicas = replicasIn(life.told, first, self);
  const all = life.told.splice(0);
  first.subnets = [web({ replicas: { min: 1, max: 1 } })];
  life.pass(first);
  return { ...replicas, all, left: life.told.filter(({ phase }) => phase === "balance") };
}

const OF_PORTS: ReadonlySet<Phase> = new Set<Phase>(["plug", "inside", "attach", "admit", "raise"]);

interface Tenants {
  readonly first: Scenario;
  readonly second: Scenario;
}

/** A tenant that grows, gets another subnet and loses it, is rolled to another image, and ends. */
function changed(life: Life, { first }: Tenants): void {
  life.pass(first);
  first.subnets = [
    web({ replicas: { min: 4, max: 4 } }),
    subnetOf(T1, "db", 1, { cidr: cidr("10.13.14.0/24") }),
  ];
  life.pass(first);
  first.subnets = [web({ workload: { ...web().spec.workload, image: "evenkeel/web:2" } })];
  life.pass(first, "db");
  life.end(first);
}

/** A tenant that somebody else's hands go over. */
function mended(life: Life, { first }: Tenants): void {
  life.pass(first);
  life.damage(first);
  life.pass(first);
  first.tenant = life.document(T1, "self", { egress: "snat" });
  life.pass(first);
}

/** Two tenants side by side, one of which comes here from the other hypervisor with its bastion, goes back, and ends. */
function moved(life: Life, { first, second }: Tenants): void {
  life.pass(second);
  first.fleet = second.fleet;
  life.pass(first);
  second.fleet = first.fleet;
  for (const home of ["self", "other"] as const) {
    second.tenant = life.document(T2, home, { bastion: BASTION });
    life.pass(second);
  }
  life.end(second);
}

const cidr = (text: string): Cidr => trusted<Cidr>(text);

const SERVICE = serving();

const BASTION: Bastion = {
  address: trusted<Ipv4>("198.18.100.22"),
  port: 22,
  image: "evenkeel/bastion:1",
  authorizedKeys: ["ssh-ed25519 AAAA"],
};

const subnetOf = (namespace: TenantName, ...about: Parameters<typeof subnet>): Subnet => {
  const made = subnet(...about);
  return { ...made, metadata: { ...made.metadata, namespace } };
};

const web = (spec: Partial<Subnet["spec"]> = {}): Subnet =>
  subnetOf(T1, "web", 3, { service: SERVICE, ...spec });

/** Tenants that live on two hypervisors, of which one is watched. */
class Life {
  readonly #self: Place;
  readonly #other: Place;
  /** What was emitted so far. */
  readonly told: ScriptOperation[] = [];

  constructor(self: Place, other: Place) {
    this.#self = self;
    this.#other = other;
  }

  /** One that is at home here, with a NIC for an uplink; and one that stands by here, with a bridge for it. */
  tenants(): Tenants {
    const home = trusted<HypervisorName>(this.#self.name);
    const udp = { name: "dns", port: 53, targetPort: 5353, protocol: "UDP" } as const;
    const others = { service: { ...serving("198.18.100.20"), ports: [...SERVICE.ports, udp] } };
    const first = scenario({
      name: T1,
      tenant: this.document(T1, "self"),
      subnets: [web()],
      hypervisors: this.#hypervisors("edge"),
      fleet: emptyMemory(FLEET),
    });
    const second = scenario({
      name: T2,
      tenant: this.document(T2, "other", { bastion: BASTION }),
      subnets: [subnetOf(T2, "web", 2, { ...others, cidr: cidr("10.20.0.0/24") })],
      hypervisors: this.#hypervisors(EXCHANGE),
      traits: new Map([[home, ON_BRIDGE]]),
      fleet: emptyMemory(FLEET),
    });
    return { first, second };
  }

  document(name: TenantName, where: "self" | "other", spec: Partial<Tenant["spec"]> = {}): Tenant {
    const home = where === "self" ? this.#self : this.#other;
    const standby = [this.#self, this.#other].filter((one) => one !== home);
    const serviceAddresses = [cidr(name === T1 ? "198.18.100.10/31" : "198.18.100.20/31")];
    return {
      ...tenant({
        primary: trusted(home.name),
        standby: standby.map((one) => ({ name: trusted(one.name) })),
        serviceAddresses,
        ...spec,
      }),
      metadata: { name },
    };
  }

  pass(on: Scenario, leaving?: "everything" | "db"): void {
    pass(on, leaving === "db" ? new Set([trusted("db")]) : leaving);
    this.told.push(...on.rounds.flatMap((entries) => this.#tell(entries)));
  }

  /** Until nothing of it is left. */
  end(on: Scenario): void {
    on.tenant = undefined;
    this.pass(on, "everything");
  }

  /** Somebody's hands on all that stands: links down, without their mark, on no bridge, with other addresses. */
  damage(on: Scenario): void {
    const here = on.observed.filter(({ hypervisor: at }) => at === this.#self.name);
    const damages = Object.entries(DAMAGE).flatMap(([kind, damage]) =>
      here
        .filter((one) => one.kind === kind)
        .map((one) => [one, damage(one.state as LinkState & ForwardingState & NeighboursState)] as const),
    );
    for (const [resource, { state, tool = "ip-inside", lines }] of damages) {
      alter(on, keyOf(resource), state);
      this.told.push({ phase: "settings", tool, namespace: namespaceOf(FLEET, on.name), lines });
    }
  }

  #hypervisors(device: string): Hypervisor[] {
    return [this.#self, this.#other].map(({ name, underlay }, index) => {
      // Not all replicas have room here.
      const one = hypervisor(name, underlay, { replicas: index === 0 ? 3 : 50 });
      const uplink = { device, address: "198.18.100.2/24" as never, gateway: trusted<Ipv4>("198.18.100.1") };
      return { ...one, spec: { ...one.spec, uplink } };
    });
  }

  #tell(entries: readonly PlanEntry[]): ScriptOperation[] {
    const here = entries.filter(({ hypervisor: at }) => at === this.#self.name);
    return operationsOf(here).filter(
      (one): one is ScriptOperation => one.tool !== "engine" && !OF_DOCKER.has(one.tool),
    );
  }
}

/** Tools that name a container by the id that Docker has given it. */
const OF_DOCKER: ReadonlySet<string> = new Set(["remove-container", "signal", "unpause"]);

interface Damage {
  /** What of a resource is then other than it was. */
  readonly state: object;
  readonly tool?: Tool;
  readonly lines: readonly string[];
}

/** By kind; of links the order is such that what hangs on another is damaged first. */
const DAMAGE: Readonly<Record<string, (state: LinkState & ForwardingState & NeighboursState) => Damage>> = {
  neighbours: ({ device, entries }) => ({
    state: { entries: {} },
    lines: Object.keys(entries).map((address) => `neigh del ${address} dev ${device}`),
  }),
  forwarding: ({ device, remote }) => ({
    state: { remote: {} },
    tool: "bridge-inside",
    lines: Object.entries(remote).map(([mac, to]) => `fdb del ${mac} dev ${device} dst ${to} self`),
  }),
  vxlan: ({ link }) => offItsBridge(link),
  port: ({ link }) => offItsBridge(link),
  uplink: ({ link, addresses }) => ({
    state: { mtu: 1300, mac: "02:00:00:00:00:02", addresses: [], gateway: undefined },
    lines: [
      `link set ${link} mtu 1300`,
      `link set ${link} address 02:00:00:00:00:02`,
      ...addresses.map((address) => `addr del ${address} dev ${link}`),
    ],
  }),
  bridge: ({ link, addresses }) => ({
    state: { mtu: 1300, mac: "02:00:00:00:00:01", alias: "x", up: false, addresses: ["10.99.0.1/24"] },
    lines: [
      `link set ${link} mtu 1300`,
      `link set ${link} address 02:00:00:00:00:01`,
      `link set ${link} alias "x"`,
      `link set ${link} down`,
      ...addresses.map((address) => `addr del ${address} dev ${link}`),
      `addr add 10.99.0.1/24 dev ${link}`,
    ],
  }),
};

const offItsBridge = (link: string): Damage => ({
  state: { mtu: 1300, master: undefined, flags: {}, up: false, entry: false },
  lines: [`link set ${link} mtu 1300`, `link set ${link} nomaster`, `link set ${link} down`],
});

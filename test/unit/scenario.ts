import type { Cidr, Ipv4 } from "../../src/api/addresses.ts";
import type { Hypervisor, Service, Subnet, Tenant } from "../../src/api/kinds.gen.ts";
import {
  type HypervisorName,
  type Incarnation,
  type SubnetName,
  type TenantName,
  trusted,
} from "../../src/api/names.ts";
import type { Note, Refusal } from "../../src/api/reasons.ts";
import type { HostTraits } from "../../src/facts/traits.ts";
import { compile } from "../../src/desired/compile.ts";
import { diff } from "../../src/plan/diff.ts";
import { effects } from "../../src/plan/effects.ts";
import { order } from "../../src/plan/order.ts";
import { isTellingToEnd, type PlanEntry } from "../../src/plan/plan.ts";
import {
  emptyMemory,
  type FleetMemory,
  type ReplicaMemory,
  samePhases,
  withTenant,
  withTold,
} from "../../src/replicas/memory.ts";
import { keyOf, type Resource } from "../../src/resources/resource.ts";
import { isWorkload, isWorkloadKind } from "../../src/resources/workload.ts";
import { step } from "../../src/replicas/step.ts";

/** The pure core without any hypervisor: documents in, plans out, their effects taken for true. */

export const FLEET = trusted<import("../../src/api/names.ts").FleetName>("campus");
export const T2 = trusted<TenantName>("t2");
const apiVersion = "evenkeel.dev/v1alpha1" as const;

export const hypervisor = (
  name: string,
  address: string,
  capacity: Hypervisor["spec"]["capacity"] = { replicas: 50 },
): Hypervisor => ({
  apiVersion,
  kind: "Hypervisor",
  metadata: { name: trusted<HypervisorName>(name) },
  spec: {
    fleet: FLEET,
    connection: { local: {} },
    underlay: { address: address as Ipv4, device: "eth0", mtu: 1500 },
    uplink: { device: "edge", address: "198.18.100.2/24" as never, gateway: "198.18.100.1" as Ipv4 },
    runtimes: ["docker"],
    libvirt: { domainType: "kvm" },
    capacity,
    load: { min: 50, max: 80 },
    price: { perReplicaHour: "0.00", currency: "EUR" },
    unschedulable: false,
  },
});

export const tenant = (spec: Partial<Tenant["spec"]> = {}): Tenant => ({
  apiVersion,
  kind: "Tenant",
  metadata: { name: T2 },
  spec: {
    primary: trusted<HypervisorName>("hv1"),
    standby: [{ name: trusted<HypervisorName>("hv2") }],
    serviceAddresses: ["198.18.100.10/31" as Cidr],
    managementNetwork: { cidr: "192.168.252.0/24" as Cidr },
    egress: "none",
    quota: { subnets: 8, replicas: 40 },
    ...spec,
  },
});

export const subnet = (name: string, min: number, spec: Partial<Subnet["spec"]> = {}): Subnet => ({
  apiVersion,
  kind: "Subnet",
  metadata: { name: trusted<SubnetName>(name), namespace: T2 },
  spec: {
    cidr: "10.13.13.0/24" as Cidr,
    dhcp: true,
    replicas: { min, max: Math.max(min, 1) },
    workload: {
      runtime: "docker",
      image: "evenkeel/web:1",
      imagePullPolicy: "IfNotPresent",
      startSeconds: 300,
      env: [],
      ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
      resources: { cpu: "500m", memory: "256Mi" },
    },
    update: { maxSurge: 1, maxUnavailable: 0 },
    drain: { gracePeriodSeconds: 30, signal: "SIGTERM", stopSeconds: 10 },
    ...spec,
  },
});

export const serving = (address = "198.18.100.10"): Service => ({
  address: address as Ipv4,
  ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
});

/** A fleet as a test changes it. */
export interface Scenario {
  /** The tenant that a pass is about. */
  name: TenantName;
  tenant: Tenant | undefined;
  subnets: Subnet[];
  hypervisors: Hypervisor[];
  fleet: FleetMemory;
  observed: Resource[];
  traits: ReadonlyMap<HypervisorName, HostTraits>;
  /** Hypervisors that cannot be looked at. */
  unseen: string[];
  /** Hypervisors whose Docker does not answer. */
  withoutDocker: string[];
  /** CPU used ÷ CPUs; undefined when nobody samples. */
  loads: ReadonlyMap<HypervisorName, number> | undefined;
  /** Milliseconds; moves by a second with each pass. */
  now: number;
  /** Replicas that never answer, by ordinal. */
  mute: number[];
  /** What the last pass said. */
  notes: readonly Note[];
  /** Everything that happened in the last pass and is told once. */
  news: Note[];
  refusals: readonly Refusal[];
  /** What the last pass planned, by rounds. */
  rounds: (readonly PlanEntry[])[];
}

export const scenario = (change: Partial<Scenario> = {}): Scenario => ({
  name: T2,
  tenant: tenant(),
  subnets: [subnet("web", 2, { service: serving() })],
  hypervisors: [hypervisor("hv1", "198.18.0.11"), hypervisor("hv2", "198.18.0.12")],
  fleet: emptyMemory(FLEET),
  observed: [],
  traits: new Map(),
  unseen: [],
  withoutDocker: [],
  loads: undefined,
  now: 1_000_000,
  mute: [],
  notes: [],
  news: [],
  refusals: [],
  rounds: [],
  ...change,
});

let serial = 0;
const fresh = (): Incarnation => trusted((serial++).toString(36).padStart(8, "a"));

/**
 * One dry pass: rounds of step, compile, diff and effects until a round plans nothing. Returns every entry.
 * @param watch is shown the replicas after each round's decision
 */
export function pass(
  on: Scenario,
  leaving: ReadonlySet<SubnetName> | "everything" = new Set(),
  watch: (replicas: readonly ReplicaMemory[]) => void = () => {},
): PlanEntry[] {
  on.now += 1000;
  on.news = [];
  on.rounds = [];
  const seen = new Set(
    on.hypervisors.map(({ metadata }) => metadata.name).filter((name) => !on.unseen.includes(name)),
  );
  const visible = {
    docker: new Set([...seen].filter((name) => !on.withoutDocker.includes(name))),
    libvirt: seen,
  };
  const hypervisors = new Map(on.hypervisors.map((one) => [one.metadata.name, one]));
  const wanted = {
    name: on.name,
    tenant: on.tenant,
    subnets: new Map(on.subnets.map((one) => [one.metadata.name, one])),
    held: undefined,
  };
  const all: PlanEntry[] = [];
  for (let round = 0; round < 200; round++) {
    const answers = new Map(
      (on.fleet.tenants[on.name]?.replicas ?? [])
        .filter(({ ordinal }) => !on.mute.includes(ordinal))
        .map(({ incarnation }) => [incarnation, true] as const),
    );
    const before = on.fleet.tenants[on.name];
    const next = step({
      tenant: on.name,
      wanted,
      leaving,
      fleet: on.fleet,
      hypervisors,
      loads: on.loads,
      observed: on.observed.filter((resource) => seen.has(resource.hypervisor)),
      seen,
      visible,
      connections: {},
      sockets: new Map(
        (on.fleet.tenants[on.name]?.replicas ?? []).map(({ incarnation }) => [incarnation, 0]),
      ),
      answers,
      foreignVxlanIds: new Set(),
      now: on.now,
      fresh,
    });
    on.fleet = withTenant(on.fleet, on.name, next.memory, on.now);
    on.notes = next.notes;
    on.news.push(...next.news);
    on.refusals = next.refusals;
    watch(next.memory.replicas);
    const entries = order(diff(desiredOf(on, leaving), on.observed, { fleet: FLEET, seen, visible }));
    all.push(...entries);
    on.rounds.push(entries);
    if (entries.length === 0 && samePhases(before, next.memory)) return all;
    const toEnd = entries.filter(isTellingToEnd).map(({ name }) => name);
    const toStart = entries.filter(({ kind, verb }) => isWorkloadKind(kind) && verb !== "remove");
    on.fleet = withTold(on.fleet, on.name, { toEnd, toStart: toStart.map(({ name }) => name) }, on.now);
    on.observed = effects(entries, on.observed);
  }
  throw new Error(
    `a plan that never ends: ${all
      .slice(-6)
      .map(({ verb, key, reason }) => `${verb} ${key} (${reason})`)
      .join("; ")}`,
  );
}

function desiredOf(on: Scenario, leaving: ReadonlySet<SubnetName> | "everything"): readonly Resource[] {
  const memory = on.fleet.tenants[on.name];
  if (!memory || !on.tenant || (leaving === "everything" && memory.replicas.length === 0)) return [];
  return compile({
    fleet: FLEET,
    tenant: on.tenant,
    subnets: on.subnets.filter(({ metadata }) => memory.segments[metadata.name]),
    memory,
    hypervisors: new Map(on.hypervisors.map((one) => [one.metadata.name, one])),
    traits: on.traits,
    now: on.now,
  });
}

/** `+ container web-1@hv1`: an entry without what is fresh each time. */
export function short({ verb, kind, name, hypervisor: at, subnet: of }: PlanEntry): string {
  const readable =
    /\.([a-z0-9-]+)\.[a-z0-9]{8}$/.exec(name)?.[1] ?? (kind === "port" ? `${name[0]}-port of ${of}` : name);
  return `${{ add: "+", change: "~", replace: "±", remove: "-" }[verb]} ${kind} ${readable}@${at}`;
}

/** `web-1@hv1`: the replicas that stand. */
export const replicas = (observed: readonly Resource[]): string[] =>
  observed
    .filter(isWorkload)
    .map(({ name, hypervisor: at }) => `${name.split(".").at(-2)}@${at}`)
    .toSorted();

/** Changes one resource as it stands, as somebody did by hand or a former manifest had it. */
export function alter(on: Scenario, key: string, state: object): void {
  if (!on.observed.some((one) => keyOf(one) === key)) throw new Error(`${key} does not stand`);
  on.observed = on.observed.map((one) =>
    keyOf(one) === key ? { ...one, state: { ...(one.state as object), ...state } } : one,
  );
}

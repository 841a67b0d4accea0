import { type Ipv4, macOf } from "../api/addresses.ts";
import { searchDomains } from "../api/domains.ts";
import type { Subnet } from "../api/kinds.gen.ts";
import { replicaName } from "../api/names.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { needOf, specHashOf } from "../replicas/spec.ts";
import { aliasOf, containerName, labelsOf, linkNames, uuidOf, wordsOf } from "../resources/marks.ts";
import type { ContainerRequest, DomainInterface, DomainRequest } from "../resources/operation.ts";
import { portRulesState } from "../resources/port-rules.ts";
import type { PortState } from "../resources/port.ts";
import type { Resource } from "../resources/resource.ts";
import type { Table } from "../resources/tables.ts";
import type { WorkloadState } from "../resources/workload.ts";
import { bastionOf } from "./bastion.ts";
import { type Part, type Scope, type Segment, within } from "./input.ts";
import { lockedPort } from "./locked-port.ts";

/** One replica: its container or virtual machine, and its two ports. */
export function replica(scope: Scope, of: ReplicaMemory): Resource[] {
  const place = { hypervisor: of.hypervisor, tenant: scope.name, subnet: of.subnet };
  const name = containerName(scope.fleet, of);
  const document = scope.subnets.find(({ metadata }) => metadata.name === of.subnet);
  const segments = scope.segments.filter(({ subnet }) => subnet === undefined || subnet === of.subnet);
  const ports = segments
    .map((segment) => portState(scope, of, segment))
    .map((state): Resource => ({ ...place, kind: "port", name: state.link, state }));
  const state = workloadState(of, name, document);
  const isToStart = state.running && isKnown(of, document) && !scope.waiting.has(of.incarnation);
  const request = isToStart && document && requestOf(scope, of, { document, segments });
  return [{ ...place, kind: kindOf(of), name, state: request ? { ...state, request } : state }, ...ports];
}

const kindOf = ({ runtime }: ReplicaMemory): string => (runtime === "libvirt" ? "domain" : "container");

/** A replica that is being removed: its workload shall not be there, and why. */
export const gone = ({ fleet, name: tenant }: Scope, of: ReplicaMemory): Resource<WorkloadState> => {
  const { hypervisor, subnet, because } = of;
  const name = containerName(fleet, of);
  const state = { name, mark: of, running: false, gone: because ?? "its replica is gone" };
  return { hypervisor, tenant, subnet, kind: kindOf(of), name, state };
};

/** A workload that is to end is told until it has been, and then given its time. */
export const ending = (state: WorkloadState, { toldAt }: ReplicaMemory, signal: string): WorkloadState =>
  toldAt === undefined ? { ...state, signal } : { ...state, running: false };

function workloadState(of: ReplicaMemory, name: string, document: Subnet | undefined): WorkloadState {
  const state = { name, mark: of, running: true };
  return of.phase === "stopping" ? ending(state, of, document?.spec.drain.signal ?? "SIGTERM") : state;
}

/** Of a former specification nothing is known that a workload could be made from. */
const isKnown = (of: ReplicaMemory, document: Subnet | undefined): boolean =>
  document !== undefined && specHashOf(document.spec) === of.specHash;

function requestOf(
  scope: Scope,
  of: ReplicaMemory,
  { document, segments }: { document: Subnet; segments: readonly Segment[] },
): ContainerRequest | DomainRequest | undefined {
  const { image, command, env, checksum, kernel, userData } = document.spec.workload;
  const common = {
    name: containerName(scope.fleet, of),
    hostname: replicaName(of.subnet, of.ordinal),
    ...needOf(document.spec),
  };
  if (of.runtime !== "libvirt") {
    const resolver = segments.find(({ subnet }) => subnet === of.subnet)?.gateway;
    if (image === undefined || !resolver) return undefined;
    const labels = labelsOf(scope.fleet, of);
    const domains = searchDomains(scope.name, of.subnet);
    return { ...common, image, command, env, labels, resolver, searchDomains: domains };
  }
  return {
    ...common,
    fleet: scope.fleet,
    uuid: uuidOf(common.name),
    domainType: scope.hypervisors.get(of.hypervisor)?.spec.libvirt.domainType ?? "kvm",
    image,
    checksum: checksum?.slice("sha256:".length),
    kernel: kernel && { ...kernel, initrd: kernel.initrd },
    userData,
    interfaces: segments.map((segment) => interfaceOf(scope, of, segment)),
    metadata: wordsOf(scope.fleet, of),
  };
}

function interfaceOf(scope: Scope, of: ReplicaMemory, segment: Segment): DomainInterface {
  const isManagement = segment.subnet === undefined;
  const address = segment.addressOf(of);
  return {
    tap: linkNames.port(isManagement ? "m" : "w", of.incarnation),
    mac: macOf(address),
    mtu: scope.mtu,
    address: within(segment.cidr, address),
    gateway: isManagement ? undefined : segment.gateway,
  };
}

function portState(scope: Scope, of: ReplicaMemory, segment: Segment): PortState {
  const management = segment.subnet === undefined;
  const address = segment.addressOf(of);
  const mac = macOf(address);
  return lockedPort(scope, segment, {
    link: linkNames.port(management ? "m" : "w", of.incarnation),
    alias: aliasOf(scope.fleet, scope.name, of.subnet, `${replicaName(of.subnet, of.ordinal)} port`),
    workload: containerName(scope.fleet, of),
    mac,
    // guard: tenant boundary
    isIsolated: management,
    inside:
      of.runtime === "libvirt"
        ? "guest"
        : {
            device: management ? "eth1" : "eth0",
            mac,
            mtu: scope.mtu,
            address: within(segment.cidr, address),
            gateway: management ? undefined : segment.gateway,
          },
  });
}

/** What the ports of one hypervisor may send. It is decided before the bridge's own lock, so that strangers are counted. */
export function portRules(scope: Scope, part: Part): Resource {
  const chains: Record<string, string> = {
    PREROUTING: "ACCEPT",
    OUTPUT: "ACCEPT",
    POSTROUTING: "ACCEPT",
    ANTISPOOF: "RETURN",
  };
  const own: string[] = [];
  const jumps: string[] = [];
  const police = (port: string, address: Ipv4): void => {
    const mac = macOf(address);
    chains[port] = "RETURN";
    jumps.push(`-A ANTISPOOF -i ${port} -j ${port}`);
    own.push(
      // guard: tenant boundary
      `-A ${port} -s ! ${mac} -j DROP`,
      `-A ${port} -p ARP --arp-ip-src ${address} --arp-mac-src ${mac} -j ACCEPT`,
      // Nobody but the gateway answers DHCP.
      `-A ${port} -p IPv4 --ip-proto udp --ip-sport 67 -j DROP`,
      `-A ${port} -p IPv4 --ip-src ${address} -j ACCEPT`,
      `-A ${port} -p IPv4 --ip-src 0.0.0.0 --ip-proto udp --ip-sport 68 --ip-dport 67 -j ACCEPT`,
      // A rule, not the chain's policy: a policy drops without counting.
      `-A ${port} -j DROP`,
    );
  };
  for (const segment of scope.segments)
    for (const of of scope.replicas) {
      // One that is leaving too: what its end has to say to its clients still passes.
      const isOn = segment.subnet === undefined || segment.subnet === of.subnet;
      if (of.hypervisor !== part.name || !isOn) continue;
      police(linkNames.port(segment.subnet === undefined ? "m" : "w", of.incarnation), segment.addressOf(of));
    }
  const way = part.isPrimary ? bastionOf(scope) : undefined;
  if (way) police(way.port.link, way.address);
  const table: Table = {
    name: "nat",
    chains,
    rules: [
      "-A PREROUTING -i w+ -j ANTISPOOF",
      "-A PREROUTING -i m+ -j ANTISPOOF",
      ...jumps,
      // A port without a chain of its own passes nothing.
      // guard: tenant boundary
      "-A ANTISPOOF -j DROP",
      ...own,
    ],
  };
  const place = { hypervisor: part.name, tenant: scope.name, name: scope.name };
  return { ...place, kind: "port-rules", state: portRulesState(table) };
}

import {
  type Cidr,
  type InterfaceAddress,
  type Ipv4,
  addressOfMac,
  addressOf,
  networkOf,
} from "../../api/addresses.ts";
import type { HypervisorName, Incarnation, SubnetName, TenantName } from "../../api/names.ts";
import type { ContainerMade } from "../../facts/container-made.ts";
import type { DomainMade } from "../../facts/domain-made.ts";
import { isBastion } from "../../resources/bastion.ts";
import { type BridgeState, isBridge } from "../../resources/bridge.ts";
import type { ReplicaMark } from "../../resources/marks.ts";
import { isNat } from "../../resources/nat.ts";
import type { Resource } from "../../resources/resource.ts";
import { isUplink } from "../../resources/uplink.ts";
import { isVxlan } from "../../resources/vxlan.ts";
import { isWorkload } from "../../resources/workload.ts";
import { type ShownBastion, shownBastion } from "./bastion.ts";
import { type ShownService, servicesOf } from "./services.ts";
import { machineOf, type ShownWorkload, workloadOf } from "./workload.ts";

/** A tenant as hypervisors show it: what its marks, links and rules tell. What is undefined cannot be seen there. */
export interface ShownTenant {
  readonly name: TenantName;
  /** Where its gateway stands. */
  readonly home: HypervisorName | undefined;
  /** Where else anything of it stands. */
  readonly others: readonly HypervisorName[];
  readonly managementCidr: Cidr | undefined;
  /** In use, and the lowest that it has. */
  readonly serviceAddresses: readonly Ipv4[];
  readonly egress: "none" | "snat";
  readonly bastion: ShownBastion | undefined;
  readonly subnets: readonly ShownSubnet[];
}

export interface ShownSubnet {
  readonly name: SubnetName;
  readonly cidr: Cidr | undefined;
  readonly gateway: Ipv4 | undefined;
  /** The highest order of its replicas: how many were asked for. */
  readonly replicas: number;
  readonly workload: ShownWorkload | undefined;
  readonly service: ShownService | undefined;
}

/** What is to be known of replicas beyond their marks, by incarnation. */
export interface ReplicasShown {
  readonly containers: ReadonlyMap<Incarnation, ContainerMade>;
  readonly machines: ReadonlyMap<Incarnation, DomainMade>;
}

/** Puts together what hypervisors show of one tenant. Pure. */
export function shownTenant(
  name: TenantName,
  observed: readonly Resource[],
  shown: ReplicasShown,
): ShownTenant {
  const own = observed.filter(({ tenant }) => tenant === name);
  const bridges = own.filter(isBridge);
  const home = bridges.find(carriesGateway)?.hypervisor;
  const marks = own.filter(isWorkload).map(({ state: { mark } }) => mark);
  const names = new Set<SubnetName>([
    ...[...bridges, ...own.filter(isVxlan)].flatMap(({ subnet }) => subnet ?? []),
    ...marks.map((mark) => mark.subnet),
  ]);
  const uplink = own.filter(isUplink).find(({ hypervisor }) => hypervisor === home)?.state;
  const table = own.filter(isNat).find(({ hypervisor }) => hypervisor === home)?.state.table;
  const subnets = [...names].toSorted();
  const services = table ? servicesOf(table, subnets) : new Map<SubnetName, ShownService>();
  const way = own.filter(isBastion).find(({ hypervisor }) => hypervisor === home);
  const made = way && shown.containers.get(way.state.mark.incarnation);
  const bastion = made && table && shownBastion(made, table);
  const addresses = [
    ...(uplink?.mac === undefined ? [] : [addressOfMac(uplink.mac)]),
    ...(uplink?.addresses ?? []).map(addressOf),
  ];
  return {
    name,
    home,
    others: [...new Set(own.map(({ hypervisor }) => hypervisor))].filter((one) => one !== home).toSorted(),
    managementCidr: networkAt(bridges.find((one) => one.subnet === undefined && carriesGateway(one))),
    serviceAddresses: [...new Set(addresses)].filter((one) => one !== bastion?.address),
    bastion,
    egress: table?.rules.some((rule) => / -j SNAT /.test(rule)) ? "snat" : "none",
    subnets: subnets.map((subnet) => {
      const bridge = bridges.find((one) => one.subnet === subnet && carriesGateway(one));
      const replicas = marks.filter((mark) => mark.subnet === subnet);
      return {
        name: subnet,
        cidr: networkAt(bridge),
        gateway: bridge && addressOf(firstOf(bridge)),
        replicas: Math.max(0, ...replicas.map(({ ordinal }) => ordinal)),
        workload: workloadOfMost(replicas, shown),
        service: services.get(subnet),
      };
    }),
  };
}

/** A standby's bridge has no address. */
const carriesGateway = ({ state }: Resource<BridgeState>): boolean => state.addresses.length > 0;

const firstOf = ({ state }: Resource<BridgeState>): InterfaceAddress => {
  const [first] = state.addresses;
  if (first === undefined) throw new RangeError("a bridge without an address is no gateway's");
  return first;
};

const networkAt = (bridge: Resource<BridgeState> | undefined): Cidr | undefined =>
  bridge && networkOf(firstOf(bridge));

/** What most replicas of a subnet are made from: while it is rolled, the others are of the version before or after it. */
function workloadOfMost(
  replicas: readonly ReplicaMark[],
  { containers, machines }: ReplicasShown,
): ShownWorkload | undefined {
  const hashes = replicas.map(({ specHash }) => specHash);
  const count = (hash: string): number => hashes.filter((one) => one === hash).length;
  const sorted = replicas.toSorted(
    (a, b) => count(b.specHash) - count(a.specHash) || (a.specHash < b.specHash ? -1 : 1),
  );
  for (const { incarnation, specHash } of sorted) {
    const [container, machine] = [containers.get(incarnation), machines.get(incarnation)];
    if (container) return workloadOf(container, specHash);
    if (machine) return machineOf(machine, specHash);
  }
  return undefined;
}

import { addressAt, compareAddresses, type Ipv4 } from "../api/addresses.ts";
import { targetPort } from "../api/subnets.ts";
import { digestOf } from "../api/digest.ts";
import type { Subnet, Tenant } from "../api/kinds.gen.ts";
import type { SubnetName } from "../api/names.ts";
import { balanced } from "../replicas/health.ts";
import { linkNames } from "../resources/marks.ts";
import type { NatState } from "../resources/nat.ts";
import type { Resource } from "../resources/resource.ts";
import { canonicalTable, type Table } from "../resources/tables.ts";
import type { Scope } from "./input.ts";

/** One port of a service, resolved. */
interface ServedPort {
  readonly subnet: SubnetName;
  readonly address: Ipv4;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly targetPort: number;
  readonly chain: string;
}

/** Every port of every service of the tenant. */
export const services = ({ subnets }: Pick<Scope, "subnets">): ServedPort[] => subnets.flatMap(servedPorts);

function servedPorts({ metadata: { name }, spec: { service, workload } }: Subnet): ServedPort[] {
  if (!service) return [];
  return service.ports.map((served) => {
    const protocol = served.protocol === "UDP" ? "udp" : "tcp";
    return {
      subnet: name,
      address: service.address,
      port: served.port,
      protocol,
      targetPort: targetPort(workload.ports, served) ?? served.port,
      chain: chainName(name, protocol, served.port),
    };
  });
}

/** `web-tcp-80`. A chain's name has at most 28 characters, and leaves of a long one need 3 of them. */
export function chainName(subnet: SubnetName, protocol: string, port: number): string {
  const name = `${subnet}-${protocol}-${port}`;
  return name.length <= 25
    ? name
    : `${subnet.slice(0, 6)}.${digestOf(subnet).slice(0, 6)}-${protocol}-${port}`;
}

/** What answers where no replica does: reached only while nat has none, so that a balancer change touches nat alone. */
export const refusals = (scope: Scope): string[] =>
  services(scope).map(({ address, port, protocol }) => {
    const reject = protocol === "tcp" ? "tcp-reset" : "icmp-port-unreachable";
    return `-A INPUT -d ${address}/32 -p ${protocol} -m ${protocol} --dport ${port} -j REJECT --reject-with ${reject}`;
  });

/** The balancer of the tenant's services, on its primary; and where the gateway is on its way to. */
export function balancer(scope: Scope): Resource[] {
  const homes = scope.parts.filter(({ isPrimary, isComing }) => isPrimary || isComing);
  const table = natTable(scope);
  const udp = Object.fromEntries(
    services(scope)
      .filter(({ protocol }) => protocol === "udp")
      .map(({ address, port, subnet }) => [`${address}:${port}`, ready(scope, subnet)]),
  );
  const state: NatState = { table: canonicalTable(table), udp, restore: table };
  return homes.map(({ name: hypervisor }) => ({
    hypervisor,
    tenant: scope.name,
    kind: "nat",
    name: scope.name,
    state,
  }));
}

/** A balancer that nothing is known of but its rules, when it lets go of all replicas of a subnet. */
export function withoutReplicas(state: NatState, addresses: readonly Ipv4[]): NatState {
  const goesThere = (rule: string): boolean =>
    addresses.some((address) => rule.includes(`--to-destination ${address}:`));
  const { chains, rules, printed = rules } = state.table;
  if (!rules.some(goesThere)) return state;
  const restore: Table = { name: "nat", chains, rules: printed.filter((rule) => !goesThere(rule)) };
  const udp = Object.entries(state.udp).map(
    ([service, to]) => [service, to.filter((address) => !addresses.includes(address))] as const,
  );
  return { table: canonicalTable(restore), udp: Object.fromEntries(udp), restore };
}

/** Addresses of the replicas that the balancer points at, in the order of addresses so that equal sets give equal rules. */
export const ready = ({ memory }: Scope, subnet: SubnetName): Ipv4[] =>
  balanced(memory.replicas.filter((replica) => replica.subnet === subnet))
    .map(({ address }) => address)
    .toSorted(compareAddresses);

/** Service addresses in use; a tenant that only goes out uses its lowest. */
export function uplinkAddresses({ tenant, subnets }: Pick<Scope, "tenant" | "subnets">): Ipv4[] {
  const used = new Set(subnets.flatMap(({ spec }) => (spec.service ? [spec.service.address] : [])));
  const lowest = lowestAddress(tenant);
  if (tenant.spec.egress === "snat" && used.size === 0 && lowest) used.add(lowest);
  return [...used].toSorted(compareAddresses);
}

/** A tenant's lowest service address, used or not. */
export const lowestAddress = ({ spec }: Tenant): Ipv4 | undefined =>
  spec.serviceAddresses.map((range) => addressAt(range, 0)).toSorted(compareAddresses)[0];

function natTable(scope: Scope): Table {
  const served = services(scope);
  const chains: Record<string, string> = {
    PREROUTING: "ACCEPT",
    INPUT: "ACCEPT",
    OUTPUT: "ACCEPT",
    POSTROUTING: "ACCEPT",
  };
  const spread: string[] = [];
  for (const port of served) {
    const targets = ready(scope, port.subnet).map(
      (address) => `DNAT --to-destination ${address}:${port.targetPort}`,
    );
    for (const { chain, rules } of levels(port, targets)) {
      chains[chain] = "-";
      spread.push(...rules);
    }
  }
  const entry = (hook: string): string[] =>
    served.map(
      ({ address, port, protocol, chain }) =>
        `-A ${hook} -d ${address}/32 -p ${protocol} -m ${protocol} --dport ${port} -j ${chain}`,
    );
  return {
    name: "nat",
    chains,
    // The gateway's own requests take OUTPUT; all others come in by PREROUTING.
    rules: [...entry("PREROUTING"), ...entry("OUTPUT"), ...spread, ...sources(scope)],
  };
}

/** A linear chain costs new connections up to this length little; beyond it, two levels cost them nothing (measured). */
const LINEAR = 50;
const LEAF = 16;

/** The chain, or the two levels of chains, that spread one port over its targets evenly. */
function levels(port: ServedPort, targets: readonly string[]): { chain: string; rules: string[] }[] {
  if (targets.length <= LINEAR)
    return [{ chain: port.chain, rules: nth(port.chain, port.protocol, targets) }];
  const count = Math.ceil(targets.length / LEAF);
  const leaves = Array.from({ length: count }, (_, leaf) => ({
    chain: `${port.chain}.${leaf}`,
    targets: targets.filter((_target, index) => index % count === leaf),
  }));
  return [
    ...leaves.map(({ chain, targets: own }) => ({ chain, rules: nth(chain, port.protocol, own) })),
    {
      chain: port.chain,
      rules: nth(
        port.chain,
        port.protocol,
        leaves.map(({ chain }) => chain),
      ),
    },
  ];
}

/** Every k-th to the first, every (k−1)-th of the rest to the second …, all that is left to the last: equal shares. */
const nth = (chain: string, protocol: string, targets: readonly string[]): string[] =>
  targets.map((target, index) => {
    const every = targets.length - index;
    const share = every > 1 ? ` -m statistic --mode nth --every ${every} --packet 0` : "";
    return `-A ${chain} -p ${protocol}${share} -j ${target}`;
  });

/** Only hairpin traffic is masqueraded, so that replicas see their clients' addresses; and what goes out, where allowed. */
function sources(scope: Scope): string[] {
  return scope.segments.flatMap(({ subnet, cidr }) => {
    if (subnet === undefined) return [];
    const hairpin = `-A POSTROUTING -s ${cidr} -d ${cidr} -m conntrack --ctstate DNAT -j MASQUERADE`;
    const own = scope.subnets.find(({ metadata }) => metadata.name === subnet)?.spec.service?.address;
    const out = scope.tenant.spec.egress === "snat" ? (own ?? uplinkAddresses(scope)[0]) : undefined;
    return out === undefined
      ? [hairpin]
      : [hairpin, `-A POSTROUTING -s ${cidr} -o ${linkNames.uplink} -j SNAT --to-source ${out}`];
  });
}

import { addressAt, macOf, netmaskOf } from "../api/addresses.ts";
import { domainOf, searchDomains, TOP_DOMAIN } from "../api/domains.ts";
import { replicaName, type SubnetName } from "../api/names.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { isActive } from "../replicas/phase.ts";
import { linkNames } from "../resources/marks.ts";
import type { ResolverState } from "../resources/resolver.ts";
import type { Resource } from "../resources/resource.ts";
import { type Part, replicasOn, type Scope, type Segment } from "./input.ts";
import { ready } from "./service.ts";

/** A tenant's subnet, as far as names and addresses in it go. */
interface Served {
  readonly name: SubnetName;
  readonly segment: Segment;
  readonly dhcp: boolean;
}

/** What answers DHCP and DNS, where the tenant's gateway is. */
export function resolver(scope: Scope, part: Part): Resource<ResolverState>[] {
  const subnets = servedSubnets(scope);
  if (!part.isPrimary || subnets.length === 0) return [];
  const state: ResolverState = {
    command: commandOf(scope, subnets),
    hosts: hostsOf(scope),
    leases: subnets.filter(({ dhcp }) => dhcp).flatMap(({ segment }) => leasesOf(scope, segment)),
    isTold: true,
    isAstray: false,
  };
  return [{ hypervisor: part.name, tenant: scope.name, kind: "resolver", name: scope.name, state }];
}

const servedSubnets = ({ subnets, segments }: Scope): Served[] =>
  subnets.flatMap(({ metadata: { name }, spec: { dhcp } }) => {
    const segment = segments.find(({ subnet }) => subnet === name);
    return segment ? [{ name, segment, dhcp }] : [];
  });

/** What it is started with, by the names of dnsmasq's options. */
function commandOf(scope: Scope, subnets: readonly Served[]): string[] {
  const leasing = subnets.filter(({ dhcp }) => dhcp);
  return [
    "--user=nobody",
    "--group=nogroup",
    // guard: tenant boundary
    `--interface=${linkNames.ownBridges.replace("+", "*")}`,
    "--except-interface=lo",
    // Bridges come and go while it runs.
    "--bind-dynamic",
    "--no-hosts",
    ...upstream(scope),
    ...(leasing.length > 0 ? dhcpOptions(scope, leasing) : []),
  ];
}

/** Who knows other names: nobody, unless the tenant may go out; then whom the hypervisor itself asks. */
const upstream = ({ tenant }: Scope): string[] =>
  tenant.spec.egress === "snat"
    ? [`--local=/${TOP_DOMAIN}/`, "--bogus-priv"]
    : ["--no-resolv", "--local=/#/"];

const dhcpOptions = (scope: Scope, leasing: readonly Served[]): string[] => [
  "--dhcp-authoritative",
  // guard: tenant boundary
  "--dhcp-ignore=tag:!known",
  // Addresses are given to whom they belong, whatever was before: nothing has to be remembered, or asked about first.
  "--leasefile-ro",
  "--no-ping",
  // More than a tenant can have.
  "--dhcp-lease-max=65535",
  "--quiet-dhcp",
  // Names are those of the file, not what a lease or its holder says: a lease outlives its replica's place in them.
  "--dhcp-ignore-names",
  "--dhcp-fqdn",
  "--domain=lease.invalid",
  `--dhcp-option=option:mtu,${scope.mtu}`,
  ...leasing.flatMap(({ name, segment: { cidr, gateway } }) => {
    // Never one of dnsmasq's own tags, as `known` is.
    const tag = `subnet-${name}`;
    const option = (what: string): string => `--dhcp-option=tag:${tag},option:${what}`;
    return [
      `--dhcp-range=set:${tag},${addressAt(cidr, 0)},static,${netmaskOf(cidr)},${LEASE}`,
      option(`router,${gateway}`),
      option(`dns-server,${gateway}`),
      option(`domain-name,${domainOf(scope.name, name)}`),
      option(`domain-search,${searchDomains(scope.name, name).join(",")}`),
    ];
  }),
];

/** How long an address is given for: half of it is how long a changed option takes to arrive. */
const LEASE = "10m";

const leasesOf = (scope: Scope, segment: Segment): string[] =>
  replicasOn(scope, segment).map(
    ({ address, subnet, ordinal }) => `${macOf(address)},${replicaName(subnet, ordinal)},${address}`,
  );

/** Replicas by name, then services: of the names that an address has, the first is the one that it is called by. */
function hostsOf(scope: Scope): string[] {
  const replicas = scope.subnets.flatMap(({ metadata: { name } }) =>
    named(scope.replicas.filter(({ subnet }) => subnet === name)).map(
      ({ address, ordinal }) => `${address} ${replicaName(name, ordinal)}.${domainOf(scope.name, name)}`,
    ),
  );
  const services = scope.subnets.flatMap(({ metadata: { name }, spec: { service } }) =>
    (service ? [service.address] : ready(scope, name)).map(
      (address) => `${address} ${domainOf(scope.name, name)}`,
    ),
  );
  return [...replicas, ...services];
}

/** One for each ordinal: the one that serves, and until there is one, the one that starts. None that drains. */
function named(replicas: readonly ReplicaMemory[]): ReplicaMemory[] {
  const byOrdinal = new Map<number, ReplicaMemory>();
  for (const replica of replicas.filter(isActive))
    if (replica.phase === "serving" || !byOrdinal.has(replica.ordinal))
      byOrdinal.set(replica.ordinal, replica);
  return [...byOrdinal.values()].toSorted((a, b) => a.ordinal - b.ordinal);
}

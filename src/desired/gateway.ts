import { compareAddresses, macOf } from "../api/addresses.ts";
import { trusted } from "../api/names.ts";
import { filterState } from "../resources/filter.ts";
import { guardState } from "../resources/guard-chain.ts";
import type { LocalPairState } from "../resources/local-pair.ts";
import { aliasOf, chainOf, groupOf, linkNames, namespaceOf } from "../resources/marks.ts";
import type { Resource } from "../resources/resource.ts";
import type { Table } from "../resources/tables.ts";
import type { UplinkState } from "../resources/uplink.ts";
import { bastionRules } from "./bastion.ts";
import { heard } from "./collector.ts";
import type { Part, Scope, Segment } from "./input.ts";
import { lowestAddress, refusals, services, uplinkAddresses } from "./service.ts";

/** What a tenant has once on each hypervisor: its namespace, its settings and rules, and at home the way out. */
export function gateway(scope: Scope, part: Part): Resource[] {
  const place = { hypervisor: part.name, tenant: scope.name, name: scope.name };
  const namespace = namespaceOf(scope.fleet, scope.name);
  // guard: never two homes
  const announces = part.isPrimary && !scope.memory.move?.withdrawn;
  const uplink = announces ? uplinkState(scope, part) : undefined;
  const local = announces && part.spec.connection.local ? localPairState(scope, part) : undefined;
  const ipv4 = part.isPrimary || part.isComing ? [mangle, openFilter(scope, part)] : [CLOSED];
  return [
    { ...place, kind: "netns", state: { namespace } },
    ...(scope.parts.length > 1 || uplink?.port
      ? [guard(scope, part, uplink?.port !== undefined && part.traits.dropsBridged)]
      : []),
    { ...place, kind: "sysctls", state: { values: settings(part.isPrimary) } },
    { ...place, kind: "filter", state: filterState(ipv4, [CLOSED]) },
    ...(uplink ? [{ ...place, kind: "uplink", state: uplink }] : []),
    ...(local ? [{ ...place, kind: "local-pair", state: local }] : []),
  ];
}

function guard(scope: Scope, part: Part, dropped: boolean): Resource {
  const peers = scope.parts.filter(({ name }) => name !== part.name).map(({ spec }) => spec.underlay.address);
  const ids = scope.parts.length > 1 ? scope.segments.map(({ vxlanId }) => [vxlanId, peers] as const) : [];
  return {
    hypervisor: part.name,
    tenant: scope.name,
    kind: "guard",
    name: chainOf(scope.fleet),
    state: guardState(
      scope.fleet,
      scope.name,
      new Map(ids),
      dropped ? linkNames.uplinkPort(namespaceOf(scope.fleet, scope.name)) : undefined,
    ),
  };
}

/** The gateway forwards, a standby never does. Written first: turning forwarding on resets other settings. */
const settings = (forwards: boolean): Record<string, string> => ({
  "ipv4/ip_forward": forwards ? "1" : "0",
  "ipv6/conf/all/disable_ipv6": "1",
  "ipv6/conf/default/disable_ipv6": "1",
  // Bridged frames must not run through the tenant's own NAT rules.
  "bridge/bridge-nf-call-iptables": "0",
  "bridge/bridge-nf-call-ip6tables": "0",
  "bridge/bridge-nf-call-arptables": "0",
  ...Object.fromEntries(
    ["all", "default"].flatMap((which) =>
      [
        ["arp_notify", "1"],
        ["send_redirects", "0"],
        ["accept_redirects", "0"],
        ["accept_source_route", "0"],
        ["rp_filter", "1"],
        // Else the first address of a prefix takes the others along when it is removed.
        ["promote_secondaries", "1"],
      ].map(([key, value]) => [`ipv4/conf/${which}/${key}`, value]),
    ),
  ),
  // Nobody outside may ask for the addresses inside.
  "ipv4/conf/default/arp_ignore": "1",
  "ipv4/conf/default/arp_announce": "2",
});

const CLOSED: Table = {
  name: "filter",
  // guard: tenant boundary
  chains: { INPUT: "DROP", FORWARD: "DROP", OUTPUT: "DROP" },
  rules: [],
};

const mangle: Table = {
  name: "mangle",
  chains: {
    PREROUTING: "ACCEPT",
    INPUT: "ACCEPT",
    FORWARD: "ACCEPT",
    OUTPUT: "ACCEPT",
    POSTROUTING: "ACCEPT",
  },
  rules: ["-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"],
};

/** Default deny; let through are answers, the tenant's own subnets among each other, and what the balancer redirected. */
function openFilter(scope: Scope, part: Part): Table {
  const subnets = scope.segments.filter(({ subnet }) => subnet !== undefined);
  const own = linkNames.ownBridges;
  // guard: tenant boundary
  const redirected = "-m conntrack --ctstate DNAT -j ACCEPT";
  return {
    name: "filter",
    // guard: tenant boundary
    chains: { INPUT: "DROP", FORWARD: "DROP", OUTPUT: "ACCEPT" },
    rules: [
      "-A INPUT -i lo -j ACCEPT",
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      ...subnets.map(
        ({ subnet, gateway: address }) =>
          `-A INPUT -d ${address}/32 -i ${linkNames.bridge(subnet)} -p icmp -m icmp --icmp-type 8 -j ACCEPT`,
      ),
      ...subnets.flatMap((segment) => questions(scope, segment)),
      ...heard(scope),
      ...refusals(scope),
      "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      `-A FORWARD -i ${linkNames.uplink} -o ${own} ${redirected}`,
      ...bastionRules(scope).forward(linkNames.uplink),
      ...(part.spec.connection.local
        ? [
            `-A FORWARD -i ${linkNames.localInside} -o ${own} ${redirected}`,
            ...bastionRules(scope).forward(linkNames.localInside),
          ]
        : []),
      `-A FORWARD -i ${own} -o ${own} -j ACCEPT`,
      ...(scope.tenant.spec.egress === "snat"
        ? [`-A FORWARD -i ${own} -o ${linkNames.uplink} -j ACCEPT`]
        : []),
    ],
  };
}

/** What the resolver is asked: names at a subnet's own address there, and addresses by whoever has none yet. */
function questions({ subnets }: Scope, { subnet, gateway: address }: Segment): string[] {
  const bridge = linkNames.bridge(subnet);
  const leases = subnets.find(({ metadata }) => metadata.name === subnet)?.spec.dhcp === true;
  // guard: tenant boundary
  const own = `-d ${address}/32 -i ${bridge}`;
  return [
    ...["udp", "tcp"].map((protocol) => `-A INPUT ${own} -p ${protocol} -m ${protocol} --dport 53 -j ACCEPT`),
    // Asked for with a broadcast; a known address is asked for again at the gateway's own.
    ...(leases ? [`-A INPUT -i ${bridge} -p udp -m udp --sport 68 --dport 67 -j ACCEPT`] : []),
  ];
}

function uplinkState(scope: Scope, { spec, traits }: Part): UplinkState | undefined {
  const way = scope.tenant.spec.bastion?.address;
  const addresses = [...new Set([...uplinkAddresses(scope), ...(way ? [way] : [])])].toSorted(
    compareAddresses,
  );
  const lowest = lowestAddress(scope.tenant) ?? way;
  if (!spec.uplink || !lowest || addresses.length === 0) return undefined;
  const prefix = spec.uplink.address.split("/")[1];
  return {
    link: linkNames.uplink,
    // The same as long as the tenant has its addresses, so that neighbours need not learn it again.
    mac: macOf(lowest, "02"),
    mtu: traits.uplinkMtu,
    master: undefined,
    group: String(groupOf(scope.fleet)),
    alias: aliasOf(scope.fleet, scope.name, undefined, "uplink"),
    up: true,
    flags: {},
    addresses: addresses.map((address) => trusted(`${address}/${prefix}`)),
    gateway: spec.uplink.gateway,
    device: spec.uplink.device,
    port: traits.uplinkIsBridge
      ? {
          link: linkNames.uplinkPort(namespaceOf(scope.fleet, scope.name)),
          bridge: spec.uplink.device,
          flags: { learning: false, flood: false, isolated: true },
          up: true,
          entry: true,
        }
      : undefined,
  };
}

function localPairState(scope: Scope, part: Part): LocalPairState | undefined {
  const way = scope.tenant.spec.bastion?.address;
  const addresses = [...services(scope).map(({ address }) => address), ...(way ? [way] : [])];
  if (addresses.length === 0) return undefined;
  return {
    outside: linkNames.localOutside(namespaceOf(scope.fleet, scope.name)),
    hypervisorAddress: part.spec.underlay.address,
    services: [...new Set(addresses)].toSorted(),
    up: true,
  };
}

import { canonicalRule } from "../../src/facts/rules.ts";
import { macOf } from "../../src/api/addresses.ts";
import { type Ipv4 } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import type { Machine } from "../../src/simulated/machine.ts";
import type { Collector, Resolver, Space } from "../../src/simulated/parts.ts";
import type { Simulation } from "../../src/simulated/simulation.ts";
import { isForeign } from "./foreign.ts";

/**
 * All that stands on the hypervisors, in a form in which two runs can be compared: what is fresh in each run (incarnations,
 * addresses, VXLAN ids) is written as whose it is.
 */
export function standing(simulation: Simulation, fleet: string): string {
  const masks = masksOf(simulation, fleet);
  // Two tenants may have the same addresses.
  const masked = (text: string): string =>
    (masks.get(new RegExp(`${fleet}[.:](\\w+)`).exec(text)?.[1] ?? "") ?? []).reduce(
      (all, [from, to]) => all.replaceAll(from, to),
      text,
    );
  return simulation.machines
    .flatMap((machine) => linesOf(machine, fleet).map((line) => `${machine.name} ${masked(line)}`))
    .toSorted()
    .join("\n");
}

type Mask = readonly [from: string, to: string];

/** What is fresh, and whose it is, by tenant. */
function masksOf({ machines }: Simulation, fleet: string): ReadonlyMap<string, readonly Mask[]> {
  const masks = new Map<string, Mask[]>();
  const add = (tenant: string, ...more: Mask[]): void =>
    void masks.set(tenant, [...(masks.get(tenant) ?? []), ...more]);
  for (const machine of machines) {
    const { spaces } = machine;
    for (const { id, request } of machine.workloads()) {
      if (isForeign(id)) continue;
      const label = (key: string): string =>
        ("labels" in request ? request.labels[`dev.evenkeel.${key}`] : request.metadata[key]) ?? "";
      const tenant = label("tenant");
      const name = `<${tenant}/${request.hostname}>`;
      add(tenant, [label("incarnation"), name]);
      for (const key of ["address", "management-address"]) {
        const address = trusted<Ipv4>(label(key));
        if (address !== "") add(tenant, [macOf(address), `${name} ${key} mac`], [address, `${name} ${key}`]);
      }
    }
    for (const [space, { links }] of spaces)
      for (const { vxlan, name } of links)
        if (vxlan)
          add(
            space.slice(fleet.length + 1),
            [`vxlan ${vxlan.id}`, `vxlan ${space} ${name}`],
            [`=0x${vxlan.id.toString(16)} `, `=${space} ${name} `],
          );
  }
  // The longest first, so that no address is taken for the head of another.
  for (const own of masks.values()) own.sort(([a], [b]) => b.length - a.length);
  return masks;
}

function linesOf(machine: Machine, fleet: string): string[] {
  const workloads = [...machine.workloads()].filter(({ id }) => !isForeign(id));
  const spaces = [...machine.spaces].filter(([name]) => name.startsWith(`${fleet}.`));
  return [
    ...workloads.map(
      ({ request, state, space }) =>
        `${"env" in request ? "container" : "domain"} ${request.name} ${state} ${space?.links.flatMap(({ name, mac, mtu, up, addresses }) => [name, mac, mtu, up, ...addresses]).join(" ")} ${"env" in request ? JSON.stringify(request.env) : ""}`,
    ),
    ...(machine.own.ipv4["filter"]?.printed ?? [])
      .filter((rule) => rule.includes("EVENKEEL"))
      .map((rule) => `own ${canonicalRule(rule)} `),
    ...[...machine.resolvers].flatMap(([name, of]) =>
      resolverLines(of, machine.spaces.get(name)).map((line) => `${name} ${line}`),
    ),
    ...[...machine.collectors].map(([name, of]) => `${name} ${collectorLine(of, machine.spaces.get(name))}`),
    ...spaces.flatMap(([name, space]) => spaceLines(space).map((line) => `${name} ${line}`)),
  ];
}

const resolverLines = ({ hosts, leases, process, failure }: Resolver, space: Space | undefined): string[] => [
  `resolver ${process && process.space === space && process.isTold ? process.command.join(" ") : "is not as it should be"} ${failure}`,
  ...hosts.map((line) => `resolver hosts ${line}`),
  ...leases.map((line) => `resolver leases ${line}`),
];

const collectorLine = ({ configuration, space: own, failure }: Collector, space: Space | undefined): string =>
  `collector ${own && own === space ? configuration.join(" ") : "is not as it should be"} ${failure}`;

const spaceLines = (space: Space): string[] => [
  ...space.links.map((link) =>
    [
      "link",
      link.name,
      link.type,
      link.type === "vxlan" || link.peer ? "" : link.mac,
      link.mtu,
      link.up,
      link.group,
      link.alias,
      link.master?.name,
      JSON.stringify(link.flags),
      ...link.addresses.toSorted(),
      link.vxlan && `vxlan ${link.vxlan.id}`,
    ].join(" "),
  ),
  ...space.routes.map((route) => `route ${JSON.stringify(route)}`),
  ...space.neighbours.map(({ device, address, mac }) => `neighbour ${device} ${address} ${mac}`),
  ...space.forwarding.map(
    ({ device, mac, destination, table }) => `fdb ${device} ${mac} ${destination} ${table}`,
  ),
  // The order of the balancer's rules follows from addresses, which are fresh: how many there are is what counts.
  ...tableLines("ipv4", space.ipv4),
  ...tableLines("ipv6", space.ipv6),
  ...tableLines("bridge", space.bridge),
  ...Object.entries(space.sysctls).map(([path, value]) => `sysctl ${path}=${value}`),
];

/** A chain that accepts is as good as one that nobody has made. */
const tableLines = (family: string, tables: Space["ipv4"]): string[] =>
  Object.entries(tables).flatMap(([name, { chains, rules }]) => [
    ...Object.entries(chains)
      .filter(([, policy]) => policy !== "ACCEPT")
      .map((chain) => `${family} ${name} chain ${chain.join(" ")}`),
    ...rules.map((rule) => `${family} ${name} ${rule.replace(/ -m statistic( --\S+ \S+)+/, "")}`),
  ]);

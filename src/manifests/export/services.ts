import { type Ipv4, parseIpv4 } from "../../api/addresses.ts";
import type { SubnetName } from "../../api/names.ts";
import { chainName } from "../../desired/service.ts";
import type { TableFact } from "../../facts/facts.ts";

/** Where a subnet's replicas are reached from outside, by the balancer's rules. */
export interface ShownService {
  readonly address: Ipv4;
  readonly ports: readonly ShownPort[];
}

export interface ShownPort {
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
  /** The replicas' own; undefined while the balancer has none of them. */
  readonly targetPort: number | undefined;
}

/** The services of a tenant's subnets. A rule's chain is named after its subnet and port, so it tells whose it is. */
export function servicesOf(table: TableFact, subnets: readonly SubnetName[]): Map<SubnetName, ShownService> {
  const services = new Map<SubnetName, ShownService>();
  for (const rule of table.rules) {
    if (!rule.startsWith("-A PREROUTING ")) continue;
    const address = parseIpv4(/ -d ([\d.]+)/.exec(rule)?.[1] ?? "");
    const port = Number(/ --dport (\d+)/.exec(rule)?.[1]);
    const chain = / -j (\S+)$/.exec(rule)?.[1] ?? "";
    const protocol = / -p udp\b/.test(rule) ? "udp" : "tcp";
    const subnet = subnets.find((one) => chainName(one, protocol, port) === chain);
    if (address === undefined || subnet === undefined) continue;
    const shown: ShownPort = {
      port,
      protocol: protocol === "udp" ? "UDP" : "TCP",
      targetPort: targetOf(chain, table),
    };
    services.set(subnet, { address, ports: [...(services.get(subnet)?.ports ?? []), shown] });
  }
  return services;
}

/** Where a chain leads, or the second level that it spreads over. */
function targetOf(chain: string, { rules }: TableFact): number | undefined {
  const own = rules.filter((rule) => rule.startsWith(`-A ${chain} `) || rule.startsWith(`-A ${chain}.`));
  const found = own.map((rule) => / --to-destination [\d.]+:(\d+)/.exec(rule)?.[1]).find(Boolean);
  return found === undefined ? undefined : Number(found);
}

import type { FleetGraph, SubnetNode, TenantNode } from "../status/graph.ts";
import {
  gatewayLabel,
  hypervisorLabel,
  managementLabel,
  replicaLabel,
  serviceLabel,
  subnetLabel,
  tenantLabel,
} from "./graph-labels.ts";
import { printable, WIDTH, wrap } from "./problems.ts";
import { plural } from "./words.ts";

/** One line of a tree, in parts between which it may be broken, and what hangs below it. */
interface Branch {
  readonly parts: readonly string[];
  readonly below?: readonly Branch[];
}

const GAP = "  ";

/** A fleet as a tree of at most 80 columns. */
export function drawText({ fleet, hypervisors, tenants }: FleetGraph): string {
  const subnets = tenants.flatMap((one) => one.subnets);
  const replicas = subnets.flatMap((one) => one.replicas);
  const counts = [
    plural(hypervisors.length, "hypervisor"),
    plural(tenants.length, "tenant"),
    plural(subnets.length, "subnet"),
    plural(replicas.length, "replica"),
  ];
  const branches = [
    ...aligned(hypervisors.map(hypervisorLabel)).map((parts) => ({ parts })),
    ...tenants.map(tenantBranch),
  ];
  return [`${fleet}: ${counts.join(", ")}`, ...linesOf(branches, "")]
    .map((line) => `${printable(line)}\n`)
    .join("");
}

function tenantBranch(tenant: TenantNode): Branch {
  const { gateway, hypervisors, services, management, subnets } = tenant;
  const standby = hypervisors.filter((name) => name !== gateway?.hypervisor);
  const others = standby.length === 0 ? [] : [`other hypervisors: ${standby.join(", ")}`];
  return {
    parts: [...tenantLabel(tenant), ...others],
    below: [
      ...(gateway
        ? [
            {
              parts: [`${gatewayLabel(tenant).join(GAP)} on ${gateway.hypervisor}`],
              below: aligned(services.map(serviceLabel)).map((parts) => ({ parts })),
            },
          ]
        : []),
      ...(management ? [{ parts: managementLabel(tenant) }] : []),
      ...subnets.map(subnetBranch),
    ],
  };
}

const subnetBranch = (subnet: SubnetNode): Branch => ({
  parts: subnetLabel(subnet),
  below: aligned(
    subnet.replicas.map((replica) => {
      const [name = "", ...rest] = replicaLabel(replica);
      return [name, replica.hypervisor, ...rest];
    }),
  ).map((parts) => ({ parts })),
});

/** Rows whose parts stand below each other. */
const aligned = (rows: readonly (readonly string[])[]): string[][] =>
  rows.map((row) =>
    row.map((part, column) => part.padEnd(Math.max(...rows.map((one) => one[column]?.length ?? 0)))),
  );

function linesOf(branches: readonly Branch[], indent: string): string[] {
  return branches.flatMap(({ parts, below = [] }, index) => {
    const isLast = index === branches.length - 1;
    const next = indent + (isLast ? "   " : "│  ");
    const hanging = next + (below.length > 0 ? "│  " : "   ");
    const [first = "", ...rest] = broken(parts, WIDTH - hanging.length);
    return [
      indent + (isLast ? "└─ " : "├─ ") + first,
      ...rest.map((line) => hanging + line),
      ...linesOf(below, next),
    ];
  });
}

/** Parts beside each other while there is room; one that is too long by itself is broken between words. */
function broken(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts.flatMap((one) => short(one, width))) {
    const last = lines.at(-1);
    const joined = `${last}${GAP}${part}`;
    if (last !== undefined && joined.trimEnd().length <= width) lines[lines.length - 1] = joined;
    else lines.push(part);
  }
  return lines.map((line) => line.trimEnd());
}

const short = (part: string, width: number): readonly string[] =>
  part.trimEnd().length <= width ? [part] : wrap(part.trimEnd(), "", width).split("\n");

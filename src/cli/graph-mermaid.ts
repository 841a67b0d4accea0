import type { FleetGraph, TenantNode } from "../status/graph.ts";
import {
  gatewayLabel,
  hypervisorLabel,
  replicaLabel,
  serviceLabel,
  subnetLabel,
  tenantLabel,
} from "./graph-labels.ts";

/** A fleet as a Mermaid flowchart. Identifiers are our own numbers; names stand in labels alone. */
export function drawMermaid(graph: FleetGraph): string {
  const lines = graph.tenants.flatMap((tenant, index) => tenantLines(tenant, `t${index}`, graph));
  return ["flowchart LR", ...lines].map((line) => `${line}\n`).join("");
}

function tenantLines(tenant: TenantNode, id: string, { hypervisors }: FleetGraph): string[] {
  const { gateway, subnets, services } = tenant;
  const replicas = subnets.flatMap((subnet, segment) =>
    subnet.replicas.map((replica, index) => ({ replica, id: `${id}s${segment}r${index}`, segment })),
  );
  const places = hypervisors.filter(({ name }) => tenant.hypervisors.includes(name));
  const boxes = places.flatMap((place, index) => [
    `    subgraph ${id}h${index}[${label(hypervisorLabel(place))}]`,
    ...(gateway?.hypervisor === place.name
      ? [
          `      ${id}g[${label([...gatewayLabel(tenant), ...services.map((one) => serviceLabel(one).join(" "))])}]`,
        ]
      : []),
    ...replicas
      .filter(({ replica }) => replica.hypervisor === place.name)
      .map((one) => `      ${one.id}[${label(replicaLabel(one.replica))}]`),
    "    end",
  ]);
  const served = new Set(services.map(({ subnet }): string => subnet));
  const hasGateway = places.some(({ name }) => name === gateway?.hypervisor);
  return [
    `  subgraph ${id}[${label(tenantLabel(tenant))}]`,
    ...boxes,
    ...subnets.map((subnet, index) => `    ${id}s${index}([${label(subnetLabel(subnet))}])`),
    "  end",
    ...subnets.flatMap(({ name }, index) =>
      hasGateway ? [`  ${id}g ${served.has(name) ? "-->" : "---"} ${id}s${index}`] : [],
    ),
    ...replicas.map((one) => `  ${id}s${one.segment} --- ${one.id}`),
  ];
}

const label = (lines: readonly string[]): string => `"${lines.map(escaped).join("<br>")}"`;

/** Mermaid takes a character by its number; all but the plainest are given so. */
const escaped = (text: string): string =>
  text.replaceAll(/[^A-Za-z0-9 .,/:→-]/gu, (character) => `#${character.codePointAt(0)};`);

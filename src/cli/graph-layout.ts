import type { FleetGraph, TenantNode } from "../status/graph.ts";
import {
  gatewayLabel,
  hypervisorLabel,
  managementLabel,
  replicaLabel,
  serviceLabel,
  subnetLabel,
  tenantLabel,
} from "./graph-labels.ts";

/** A rectangle of a picture with its text, in pixels from the top left. */
export interface Box {
  readonly kind: "hypervisor" | "tenant" | "gateway" | "subnet" | "replica";
  readonly lines: readonly string[];
  /** What it stands for is not there, or not as it should be. */
  readonly faint: boolean;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** The outer ones first. */
  readonly boxes: readonly Box[];
}

/** A box that does not know yet where it comes to lie. */
interface Block extends Pick<Box, "kind" | "lines" | "faint"> {
  readonly inner: readonly Block[];
}

/** Space around text, and between boxes. */
export const PADDING = 8;
/** From line to line. */
export const LINE = 16;
/** A character of a monospaced font of 12 pixels. */
const CHARACTER = 7.25;

/** Nested boxes: hypervisors are columns, tenants rows that cross them. Pure; the same for the same graph. */
export function layOut({ hypervisors, tenants }: FleetGraph): Layout {
  const heads = hypervisors.map((one) => block("hypervisor", hypervisorLabel(one), !isReady(one.status)));
  const names = tenants.map((one) => block("tenant", [...tenantLabel(one), ...managementLabel(one)]));
  const cells = tenants.map((tenant) => hypervisors.map(({ name }) => cellOf(tenant, name)));

  const columns = heads.map((head, column) =>
    Math.max(widthOf(head), ...cells.map((row) => stackWidth(row[column] ?? []) + 2 * PADDING)),
  );
  const rows = names.map((name, row) =>
    Math.max(heightOf(name), ...(cells[row] ?? []).map((cell) => stackHeight(cell) + 2 * PADDING)),
  );
  const left = Math.max(0, ...names.map(widthOf)) + 2 * PADDING;
  const top = Math.max(0, ...heads.map(heightOf)) + PADDING;
  const xs = starts(left, columns);
  const ys = starts(top, rows);
  const width = (xs.at(-1) ?? 0) + PADDING;
  const height = (ys.at(-1) ?? 0) + PADDING;

  const pillars = heads.map((head, column): Box => {
    const size = { width: columns[column] ?? 0, height: height - 2 * PADDING };
    return { ...plain(head), x: xs[column] ?? 0, y: PADDING, ...size };
  });
  const bands = names.map((name, row): Box => {
    const size = { width: width - 2 * PADDING, height: rows[row] ?? 0 };
    return { ...plain(name), x: PADDING, y: ys[row] ?? 0, ...size };
  });
  const contents = cells.flatMap((row, r) =>
    row.flatMap((cell, c) =>
      placed(cell, (xs[c] ?? 0) + PADDING, (ys[r] ?? 0) + PADDING, (columns[c] ?? 0) - 2 * PADDING),
    ),
  );
  return { width, height, boxes: [...pillars, ...bands, ...contents] };
}

/** What a tenant has on one hypervisor: its gateway, and its segments with the replicas in them. */
function cellOf(tenant: TenantNode, hypervisor: string): Block[] {
  if (!tenant.hypervisors.some((name) => name === hypervisor)) return [];
  const { gateway, services, subnets } = tenant;
  const endpoints = services.map((one) => serviceLabel(one).join(" "));
  return [
    ...(gateway?.hypervisor === hypervisor
      ? [block("gateway", [...gatewayLabel(tenant), ...endpoints], !gateway.placed)]
      : []),
    ...subnets.map((subnet) =>
      block(
        "subnet",
        [subnetLabel(subnet).slice(0, -1).join(" ")],
        subnet.vxlanId === undefined,
        subnet.replicas
          .filter((one) => one.hypervisor === hypervisor)
          .map((one) => block("replica", [replicaLabel(one).join(" ")], one.ready !== "True")),
      ),
    ),
  ];
}

const isReady = (status: string): boolean => status === "Ready";

const block = (
  kind: Box["kind"],
  lines: readonly string[],
  faint = false,
  inner: readonly Block[] = [],
): Block => ({ kind, lines, faint, inner });

const plain = ({ kind, lines, faint }: Block): Pick<Box, "kind" | "lines" | "faint"> => ({
  kind,
  lines,
  faint,
});

/** Where each begins when they lie side by side with space between them, and where a further one would. */
const starts = (first: number, sizes: readonly number[]): number[] =>
  sizes.reduce((all, size) => [...all, (all.at(-1) ?? first) + size + PADDING], [first]);

const widthOf = ({ lines, inner }: Block): number =>
  Math.max(stackWidth(inner), ...lines.map((line) => Math.ceil(line.length * CHARACTER))) + 2 * PADDING;

const heightOf = ({ lines, inner }: Block): number =>
  lines.length * LINE + (inner.length === 0 ? 0 : stackHeight(inner) + PADDING) + 2 * PADDING;

const stackWidth = (blocks: readonly Block[]): number => Math.max(0, ...blocks.map(widthOf));

const stackHeight = (blocks: readonly Block[]): number =>
  blocks.reduce((sum, one) => sum + heightOf(one) + PADDING, blocks.length === 0 ? 0 : -PADDING);

/** A stack of blocks from there downwards, as wide as there is room, each followed by what is in it. */
function placed(blocks: readonly Block[], x: number, y: number, width: number): Box[] {
  const ys = starts(y, blocks.map(heightOf));
  return blocks.flatMap((one, index): Box[] => {
    const top = ys[index] ?? y;
    const inside = top + PADDING + one.lines.length * LINE + PADDING;
    return [
      { ...plain(one), x, y: top, width, height: heightOf(one) },
      ...placed(one.inner, x + PADDING, inside, width - 2 * PADDING),
    ];
  });
}

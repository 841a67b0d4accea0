import type { FleetObject } from "../status/objects.ts";
import { summaryOf } from "../status/conditions.ts";
import { age } from "./duration.ts";
import { type Selection, type Shown, singularOf } from "./select.ts";

interface Column {
  readonly title: string;
  readonly cell: (object: FleetObject) => string | undefined;
}

/** A cell of one kind's table: no other kind's objects come there. */
const of =
  <Kind extends FleetObject["kind"]>(
    kind: Kind,
    cell: (object: Extract<FleetObject, { kind: Kind }>) => string | number | undefined,
  ) =>
  (object: FleetObject): string | undefined => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind was compared
    const value = object.kind === kind ? cell(object as Extract<FleetObject, { kind: Kind }>) : undefined;
    return value === undefined || value === "" ? undefined : String(value).replaceAll(" ", "-");
  };

const STATUS: readonly Column[] = [
  { title: "STATUS", cell: ({ status }) => summaryOf(status.conditions).status },
  { title: "REASON", cell: ({ status }) => summaryOf(status.conditions).reason },
];

/** Columns between the name and the age, and those that only a wide table has. */
const COLUMNS: Readonly<
  Record<Shown, { readonly narrow: readonly Column[]; readonly wide: readonly Column[] }>
> = {
  hypervisors: {
    narrow: [
      {
        title: "REPLICAS",
        cell: of("Hypervisor", ({ spec, status }) => `${status.replicas ?? "?"}/${spec.capacity.replicas}`),
      },
      ...STATUS,
    ],
    wide: [
      { title: "UNDERLAY", cell: of("Hypervisor", ({ spec }) => spec.underlay.address) },
      { title: "UPLINK", cell: of("Hypervisor", ({ spec }) => spec.uplink?.device) },
    ],
  },
  tenants: {
    narrow: [
      { title: "PRIMARY", cell: of("Tenant", ({ spec }) => spec.primary) },
      { title: "SUBNETS", cell: of("Tenant", ({ status }) => status.subnets) },
      { title: "REPLICAS", cell: of("Tenant", ({ status }) => status.replicas) },
      ...STATUS,
    ],
    wide: [
      { title: "STANDBY", cell: of("Tenant", ({ spec }) => spec.standby.map(({ name }) => name).join(",")) },
      { title: "ADDRESSES", cell: of("Tenant", ({ spec }) => spec.serviceAddresses.join(",")) },
      { title: "EGRESS", cell: of("Tenant", ({ spec }) => spec.egress) },
    ],
  },
  subnets: {
    narrow: [
      {
        title: "READY",
        cell: of("Subnet", ({ status }) => `${status.readyReplicas}/${status.desiredReplicas}`),
      },
      { title: "DESIRED", cell: of("Subnet", ({ status }) => status.desiredReplicas) },
      ...STATUS,
    ],
    wide: [
      { title: "CIDR", cell: of("Subnet", ({ spec }) => spec.cidr) },
      { title: "SERVICE", cell: of("Subnet", ({ spec }) => spec.service?.address) },
    ],
  },
  replicas: {
    narrow: [
      { title: "STATUS", cell: of("Replica", ({ status }) => phaseOf(status)) },
      { title: "REASON", cell: ({ status }) => summaryOf(status.conditions).reason },
      { title: "HYPERVISOR", cell: of("Replica", ({ spec }) => spec.hypervisor) },
      { title: "ADDRESS", cell: of("Replica", ({ status }) => status.address) },
    ],
    wide: [
      { title: "MANAGEMENT", cell: of("Replica", ({ status }) => status.managementAddress) },
      { title: "CONTAINER", cell: of("Replica", ({ status }) => status.container) },
    ],
  },
};

type ReplicaStatus = Extract<FleetObject, { kind: "Replica" }>["status"];

/** A replica that goes says so, whatever it looks like meanwhile. */
const phaseOf = ({ phase, conditions }: ReplicaStatus): string => {
  const { status } = summaryOf(conditions);
  return status === "NotReady" && phase !== "serving" ? phase[0]?.toUpperCase() + phase.slice(1) : status;
};

export interface TableOptions {
  readonly wide: boolean;
  /** Whether objects of several tenants may be in it, so that it has to be said whose they are. */
  readonly manyTenants: boolean;
  /** Whether several kinds are shown, so that a name alone does not say what it is. */
  readonly manyKinds: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A table as kubectl prints one: NAME first, AGE last, no spaces in cells. */
export function tableOf(
  { kind, objects }: Selection,
  { wide, manyTenants, manyKinds, now }: TableOptions,
): string {
  const { narrow, wide: more } = COLUMNS[kind];
  const hasTenant = manyTenants && (kind === "subnets" || kind === "replicas");
  const columns: readonly Column[] = [
    ...(hasTenant
      ? [
          {
            title: "NAMESPACE",
            cell: ({ metadata }: FleetObject) => ("namespace" in metadata ? metadata.namespace : ""),
          },
        ]
      : []),
    {
      title: "NAME",
      cell: ({ metadata }) => (manyKinds ? `${singularOf(kind)}/${metadata.name}` : metadata.name),
    },
    ...narrow,
    ...(wide ? more : []),
    {
      title: "AGE",
      cell: ({ metadata: { creationTimestamp: created } }) =>
        created === undefined ? "<unknown>" : age(now - Date.parse(created)),
    },
  ];
  const rows = [
    columns.map(({ title }) => title),
    ...objects.map((object) => columns.map(({ cell }) => cell(object) ?? "<none>")),
  ];
  return aligned(rows);
}

/** Rows as lines, each column as wide as its widest cell. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows
    .map((row) => {
      const cells = row.map((cell, index) => cell.padEnd(widths[index] ?? 0));
      return `${cells.join("   ").trimEnd()}\n`;
    })
    .join("");
}

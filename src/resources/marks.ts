import { createHash } from "node:crypto";
import { type Ipv4, type Mac, parseIpv4 } from "../api/addresses.ts";
import type {
  FleetName,
  HypervisorName,
  Incarnation,
  LinkName,
  SubnetName,
  TenantName,
} from "../api/names.ts";
import { isName, trusted } from "../api/names.ts";
import type { ContainerSummary, LinkFact } from "../facts/facts.ts";

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
const hex8 = (text: string): string => sha256(text).toString("hex").slice(0, 8);

/** The link group of a fleet: the first 31 bits of the SHA-256 of its name, never 0 (iproute2 refuses more). */
export const groupOf = (fleet: FleetName): number => sha256(fleet).readUInt32BE(0) >>> 1 || 1;

/** A tenant's network namespace, `campus.t2`: neither part can hold a dot, so the fleet's mark is unambiguous. */
export const namespaceOf = (fleet: FleetName, tenant: TenantName): string => `${fleet}.${tenant}`;

/** The tenant of a namespace that carries the fleet's mark. */
export function tenantOf(fleet: FleetName, namespace: string): TenantName | undefined {
  const [owner, tenant, ...rest] = namespace.split(".");
  // guard: owner's mark
  return owner === fleet && tenant && isName(tenant) && rest.length === 0
    ? trusted<TenantName>(tenant)
    : undefined;
}

/** The one chain of a fleet in a hypervisor's own tables. */
export const chainOf = (fleet: FleetName): string => `EVENKEEL-${hex8(fleet).toUpperCase()}`;

/** What a segment's links are named after: the subnet where that fits 12 characters, else its head and a digest. */
const segmentLabel = (subnet: SubnetName): string =>
  subnet.length <= 12 ? subnet : `${subnet.slice(0, 5)}.${hex8(subnet).slice(0, 6)}`;

/**
 * Names of links inside a tenant's namespace. The management segment's cannot be a subnet's, which begin with `br-` and
 * `vx-`; and what begins with `w` or `m` on a bridge is taken for a replica's port by the rules of ports.
 */
export const linkNames = {
  bridge: (subnet: SubnetName | undefined): LinkName =>
    trusted(subnet === undefined ? "mgmt" : `br-${segmentLabel(subnet)}`),
  /** Never `m…` or `w…`, which are ports: what comes from the other hypervisors is not one replica's. */
  vxlan: (subnet: SubnetName | undefined): LinkName =>
    trusted(subnet === undefined ? "vxmgmt" : `vx-${segmentLabel(subnet)}`),
  /** All subnets' bridges, as iptables takes them; the management network's is not among them. */
  ownBridges: "br-+",
  uplink: trusted<LinkName>("up0"),
  /** A replica's ports: `w…` on its subnet, `m…` on the management network. */
  port: (role: "w" | "m", incarnation: Incarnation): LinkName => trusted(`${role}${incarnation}`),
  /** The hypervisor's end of an uplink that is a port of the hypervisor's own bridge. */
  uplinkPort: (namespace: string): LinkName => trusted(`eku${hex8(namespace)}`),
  /** The two ends of the pair by which a `local` hypervisor reaches its own tenants' services. */
  localOutside: (namespace: string): LinkName => trusted(`ekl${hex8(namespace)}`),
  localInside: trusted<LinkName>("loc0"),
};

/** A standby's bridge has an address of its own, which nobody ever asks for. */
export const standbyMac = (hypervisor: HypervisorName, link: LinkName): Mac =>
  trusted<Mac>(`02:03:${(hex8(`${hypervisor}/${link}`).match(/../g) ?? []).join(":")}`);

/** `campus:t2/web vxlan v1`: what a link is, for people and for rebuilding the ledger. */
export const aliasOf = (
  fleet: FleetName,
  tenant: TenantName,
  subnet: SubnetName | undefined,
  what: string,
): string => `${fleet}:${tenant}${subnet === undefined ? "" : `/${subnet}`} ${what} v1`;

/** The subnet that an alias of ours names; undefined for the management network or a foreign alias. */
export const subnetOfAlias = (alias: string | undefined): SubnetName | undefined => {
  const subnet = /^[a-z0-9-]+:[a-z0-9-]+\/([a-z0-9-]+) /.exec(alias ?? "")?.[1];
  return subnet === undefined ? undefined : trusted<SubnetName>(subnet);
};

/** Whether a link carries the fleet's group. */
export const isMarked = (link: LinkFact, fleet: FleetName): boolean => link.group === String(groupOf(fleet));

/** A replica as its container's labels describe it: enough to rebuild the ledger from. */
export interface ReplicaMark {
  readonly tenant: TenantName;
  readonly subnet: SubnetName;
  /** The slot: DNS name and scale order, the highest goes first. */
  readonly ordinal: number;
  readonly incarnation: Incarnation;
  readonly address: Ipv4;
  readonly managementAddress: Ipv4;
  /** `1:HEX`: version and digest of what the workload was made from. */
  readonly specHash: string;
}

/** What the keys of our labels on containers begin with. */
export const LABEL = "dev.evenkeel.";

export const labelsOf = (fleet: FleetName, mark: ReplicaMark): Record<string, string> => ({
  [`${LABEL}fleet`]: fleet,
  [`${LABEL}tenant`]: mark.tenant,
  [`${LABEL}subnet`]: mark.subnet,
  [`${LABEL}ordinal`]: String(mark.ordinal),
  [`${LABEL}incarnation`]: mark.incarnation,
  [`${LABEL}address`]: mark.address,
  [`${LABEL}management-address`]: mark.managementAddress,
  [`${LABEL}spec-hash`]: mark.specHash,
});

/**
 * The mark of a container; undefined when it is another fleet's, or nobody's. Labels are inherited through images (by
 * `docker commit`, for one), so they count only together with the name that belongs to them.
 */
export function readMark(
  fleet: FleetName,
  { name, labels }: Pick<ContainerSummary, "name" | "labels">,
): ReplicaMark | undefined {
  const label = (key: string): string => labels[LABEL + key] ?? "";
  const address = parseIpv4(label("address"));
  const managementAddress = parseIpv4(label("management-address"));
  const ordinal = Number(label("ordinal"));
  const [tenant, subnet, incarnation] = [label("tenant"), label("subnet"), label("incarnation")];
  // guard: owner's mark
  if (label("fleet") !== fleet || !address || !managementAddress || !Number.isInteger(ordinal))
    return undefined;
  if (!isName(tenant) || !isName(subnet) || !/^[a-z0-9]{8}$/.test(incarnation)) return undefined;
  const mark: ReplicaMark = {
    tenant: trusted(tenant),
    subnet: trusted(subnet),
    ordinal,
    incarnation: trusted(incarnation),
    address,
    managementAddress,
    specHash: label("spec-hash"),
  };
  // guard: owner's mark
  return containerName(fleet, mark) === name ? mark : undefined;
}

/** `campus.t2.web-3.k7f2q9ab`: readable, and never used a second time. */
export const containerName = (
  fleet: FleetName,
  mark: Pick<ReplicaMark, "tenant" | "subnet" | "ordinal" | "incarnation">,
): string => `${namespaceOf(fleet, mark.tenant)}.${mark.subnet}-${mark.ordinal}.${mark.incarnation}`;

/** The subnet that a container's labels name. */
export const subnetOfLabels = (labels: Readonly<Record<string, string>>): SubnetName | undefined => {
  const subnet = labels[`${LABEL}subnet`];
  return subnet === undefined ? undefined : trusted<SubnetName>(subnet);
};

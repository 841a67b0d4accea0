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
import type { DomainFact } from "../facts/domains.ts";
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

/** A replica as the mark on its container or virtual machine describes it: enough to rebuild the ledger from. */
export interface ReplicaMark {
  /** What runs it; left out for a container, as it was before there were virtual machines. */
  readonly runtime?: "libvirt";
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

/** A mark as words: the labels of a container without their prefix, the attributes in a virtual machine's metadata. */
export const wordsOf = (fleet: FleetName, mark: ReplicaMark): Record<string, string> => ({
  fleet,
  tenant: mark.tenant,
  subnet: mark.subnet,
  ordinal: String(mark.ordinal),
  incarnation: mark.incarnation,
  address: mark.address,
  "management-address": mark.managementAddress,
  "spec-hash": mark.specHash,
});

export const labelsOf = (fleet: FleetName, mark: ReplicaMark): Record<string, string> =>
  Object.fromEntries(Object.entries(wordsOf(fleet, mark)).map(([key, value]) => [LABEL + key, value]));

/**
 * The mark of a container; undefined when it is another fleet's, or nobody's. Labels are inherited through images (by
 * `docker commit`, for one), so they count only together with the name that belongs to them.
 */
export const readMark = (
  fleet: FleetName,
  { name, labels }: Pick<ContainerSummary, "name" | "labels">,
): ReplicaMark | undefined => readWords(fleet, name, (key) => labels[LABEL + key] ?? "");

/** The mark of a virtual machine; undefined when it is another fleet's, or nobody's: not its name alone makes it ours. */
export function readDomainMark(fleet: FleetName, domain: DomainFact): ReplicaMark | undefined {
  const { name, uuid, metadata } = domain;
  const mark = readWords(fleet, name, (key) => metadata[key] ?? "");
  // guard: owner's mark
  return mark && uuid === uuidOf(name) ? { ...mark, runtime: "libvirt" } : undefined;
}

function readWords(fleet: FleetName, name: string, word: (key: string) => string): ReplicaMark | undefined {
  const address = parseIpv4(word("address"));
  const managementAddress = parseIpv4(word("management-address"));
  const ordinal = Number(word("ordinal"));
  const [tenant, subnet, incarnation] = [word("tenant"), word("subnet"), word("incarnation")];
  // guard: owner's mark
  if (word("fleet") !== fleet || !address || !managementAddress || !Number.isInteger(ordinal))
    return undefined;
  if (!isName(tenant) || !isName(subnet) || !/^[a-z0-9]{8}$/.test(incarnation)) return undefined;
  const mark: ReplicaMark = {
    tenant: trusted(tenant),
    subnet: trusted(subnet),
    ordinal,
    incarnation: trusted(incarnation),
    address,
    managementAddress,
    specHash: word("spec-hash"),
  };
  // guard: owner's mark
  return containerName(fleet, mark) === name ? mark : undefined;
}

/**
 * What libvirt keeps a virtual machine of that name by: it follows from the name, so that defining it twice is the same as
 * once, and somebody else's machine of that name is never taken for it. A name-based UUID (RFC 9562, version 8).
 */
export const uuidOf = (name: string): string =>
  sha256(`evenkeel ${name}`)
    .toString("hex")
    .replace(
      /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
      (_, a: string, b: string, c: string, d: string, e: string) => `${a}-${b}-8${c}-a${d}-${e}`,
    );

/** `campus.t2.web-3.k7f2q9ab`: readable, and never used a second time. */
export const containerName = (
  fleet: FleetName,
  mark: Pick<ReplicaMark, "tenant" | "subnet" | "ordinal" | "incarnation">,
): string => `${namespaceOf(fleet, mark.tenant)}.${mark.subnet}-${mark.ordinal}.${mark.incarnation}`;

/** A tenant's bastion as its container's labels describe it. */
export interface BastionMark {
  readonly tenant: TenantName;
  readonly incarnation: Incarnation;
  /** On the management network. */
  readonly address: Ipv4;
  /** `1:HEX`: version and digest of what it is made from. */
  readonly made: string;
}

/** `campus.t2.bastion.k7f2q9ab`: no replica's name, which has an ordinal there. */
export const bastionName = (fleet: FleetName, mark: Pick<BastionMark, "tenant" | "incarnation">): string =>
  `${namespaceOf(fleet, mark.tenant)}.bastion.${mark.incarnation}`;

export const bastionLabels = (fleet: FleetName, mark: BastionMark): Record<string, string> => ({
  [`${LABEL}fleet`]: fleet,
  [`${LABEL}tenant`]: mark.tenant,
  [`${LABEL}role`]: "bastion",
  [`${LABEL}incarnation`]: mark.incarnation,
  [`${LABEL}management-address`]: mark.address,
  [`${LABEL}spec-hash`]: mark.made,
});

/** The mark of a bastion's container; undefined when it is another fleet's, or none. */
export function readBastionMark(
  fleet: FleetName,
  { name, labels }: Pick<ContainerSummary, "name" | "labels">,
): BastionMark | undefined {
  const label = (key: string): string => labels[LABEL + key] ?? "";
  const [tenant, incarnation] = [label("tenant"), label("incarnation")];
  const address = parseIpv4(label("management-address"));
  // guard: owner's mark
  if (label("fleet") !== fleet || label("role") !== "bastion" || !address || !isName(tenant))
    return undefined;
  const made = label("spec-hash");
  const mark: BastionMark = { tenant: trusted(tenant), incarnation: trusted(incarnation), address, made };
  // guard: owner's mark
  return /^[a-z0-9]{8}$/.test(incarnation) && bastionName(fleet, mark) === name ? mark : undefined;
}

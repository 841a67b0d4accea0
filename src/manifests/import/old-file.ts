import { type Cidr, parseCidr, parseIpv4 } from "../../api/addresses.ts";
import { child, type Path } from "../path.ts";
import { parseFile } from "../parse.ts";
import type { Problem } from "../revision.ts";
import { quoted, Remarks } from "./remarks.ts";

/** A tenant as the predecessor described it, in one file. What is undefined was not there, or not to be read. */
export interface OldTenant {
  readonly name: string;
  readonly subnets: readonly OldSubnet[];
}

export interface OldSubnet {
  /** Where it stands in the file. */
  readonly path: Path;
  readonly name: string;
  readonly cidr: Cidr;
  readonly runtime: "docker" | "libvirt";
  readonly image: string | undefined;
  /** How many the tenant began with. */
  readonly count: number | undefined;
  /** Percent: of one CPU for containers, of steal time for virtual machines. */
  readonly load: OldBand;
  /** The predecessor kept a hypervisor's thresholds with each subnet. */
  readonly hypervisorLoad: OldBand;
  readonly cooldownSeconds: number | undefined;
  readonly places: readonly OldPlace[];
}

export interface OldBand {
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export interface OldPlace {
  readonly path: Path;
  /** The hypervisor's address. */
  readonly hypervisor: string;
  readonly replicas: readonly OldReplica[];
}

export interface OldReplica {
  readonly name: string;
  readonly address: string;
  readonly isScaled: boolean;
}

/** What was read, and what is to be said about it; without a tenant where an error keeps it from being taken over. */
export interface OldFile {
  readonly tenant: OldTenant | undefined;
  readonly remarks: Remarks | undefined;
  readonly problems: readonly Problem[];
}

/** The two forms differ in these names, and in what their load is. */
const FORMS = [
  { runtime: "docker", list: "ConList", count: "num_cons" },
  { runtime: "libvirt", list: "VMList", count: "num_vms" },
] as const;

/** All fields that it had. What is not read here is state, which evenkeel keeps by itself, or follows from the rest. */
const FIELDS = {
  tenant: ["TName", "Details"],
  subnet: [
    "SubnetName",
    "NetName",
    "Subnet",
    "Mask",
    "image_name",
    "max_load",
    "min_load",
    "max_hyp_load",
    "min_hyp_load",
    "cooldownperiod",
    "status",
    "scaleduptime",
    "num_scaled_cons",
    "num_scaled_vms",
    ...FORMS.flatMap(({ list, count }) => [list, count]),
  ],
  place: ["Hypervisor", "List"],
  replica: ["Name", "IP", "mgmtIP", "ScaledUpResource", "ScaledUpOrder"],
} as const;

/** Reads the predecessor's file, either form. Never throws: all that is wrong with it is in the problems. */
export function readOldFile(file: string, content: Buffer): OldFile {
  const { documents, problems } = parseFile({ path: file, content });
  const [document] = documents ?? [];
  if (document === undefined) return { tenant: undefined, remarks: undefined, problems };
  const remarks = new Remarks(file, document);
  const { value } = document;
  const name = typeof value === "object" && value !== null ? remarks.text(value, [], "TName") : undefined;
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    remarks.onlyKnows(value, [], FIELDS.tenant);
  const details = child(value, "Details");
  if (name === undefined || name === "") remarks.error([], "must have a TName, the tenant's name");
  if (!Array.isArray(details)) remarks.error([], "must have a list Details, the tenant's subnets");
  const subnets = remarks
    .objects(details, ["Details"])
    .flatMap(({ of, path }) => subnetOf(of, path, remarks));
  if (Array.isArray(details) && details.length === 0)
    remarks.error(["Details"], "holds no subnet: there is nothing to import");
  const all = [...problems, ...remarks.problems];
  const isUsable = name !== undefined && all.every(({ severity }) => severity === "warning");
  return { tenant: isUsable ? { name, subnets } : undefined, remarks, problems: all };
}

function subnetOf(of: object, path: Path, remarks: Remarks): OldSubnet[] {
  remarks.onlyKnows(of, path, FIELDS.subnet);
  const cidr = networkOf(of, path, remarks);
  const form = FORMS.find(({ list, count }) => [list, count].some((name) => child(of, name) !== undefined));
  const { runtime, list, count } = form ?? FORMS[0];
  if (form === undefined)
    remarks.warn(path, "has neither a ConList nor a VMList; it is taken for one of containers");
  else if (!Array.isArray(child(of, list)))
    remarks.warn(path, `has no list ${list}; it is not known what stood where`);
  if (cidr === undefined) return [];
  return [
    {
      path,
      name: remarks.text(of, path, "SubnetName") ?? remarks.text(of, path, "NetName") ?? "",
      cidr,
      runtime,
      image: remarks.text(of, path, "image_name"),
      count: remarks.number(of, path, count),
      load: bandOf(of, path, "load", remarks),
      hypervisorLoad: bandOf(of, path, "hyp_load", remarks),
      cooldownSeconds: remarks.number(of, path, "cooldownperiod"),
      places: remarks.objects(child(of, list), [...path, list]).flatMap((one) => placeOf(one, remarks)),
    },
  ];
}

const bandOf = (of: object, path: Path, name: string, remarks: Remarks): OldBand => ({
  min: remarks.number(of, path, `min_${name}`),
  max: remarks.number(of, path, `max_${name}`),
});

/** The network of `Subnet` and `Mask`, which may be a number of bits or dotted. */
function networkOf(of: object, path: Path, remarks: Remarks): Cidr | undefined {
  const subnet = remarks.text(of, path, "Subnet") ?? "";
  const mask = remarks.text(of, path, "Mask") ?? "";
  const bits = mask.includes(".") ? bitsOf(mask) : mask.replace(/^\//, "");
  const cidr = parseCidr(`${subnet}/${bits ?? ""}`, "allowed");
  const refuse = (found: string): undefined => {
    const message = `must have Subnet and Mask that are an IPv4 network of /16 to /29; found ${found}`;
    remarks.error(path, message, 'such as "Subnet": "10.13.13.0", "Mask": "24"');
    return undefined;
  };
  if (cidr === undefined) return refuse(`${quoted(subnet)} and ${quoted(mask)}`);
  if (Number(bits) < 16 || Number(bits) > 29) return refuse(cidr);
  if (!cidr.startsWith(`${subnet}/`))
    remarks.warn([...path, "Subnet"], `is an address in the network ${cidr}, which is taken`);
  return cidr;
}

/** `24` of `255.255.255.0`; undefined when it is no mask. */
function bitsOf(mask: string): string | undefined {
  if (parseIpv4(mask) === undefined) return undefined;
  const binary = mask
    .split(".")
    .map((octet) => Number(octet).toString(2).padStart(8, "0"))
    .join("");
  return /^1*0*$/.test(binary) ? String(binary.replaceAll("0", "").length) : undefined;
}

function placeOf({ of, path }: { of: object; path: Path }, remarks: Remarks): OldPlace[] {
  remarks.onlyKnows(of, path, FIELDS.place);
  const hypervisor = remarks.text(of, path, "Hypervisor") ?? "";
  if (parseIpv4(hypervisor) === undefined) {
    remarks.warn(path, `names no hypervisor by its IPv4 address: ${quoted(hypervisor)}; it is passed over`);
    return [];
  }
  const list = child(of, "List");
  if (!Array.isArray(list)) remarks.warn(path, "has no List; nothing is known to stand there");
  const replicas = remarks.objects(list, [...path, "List"]).map((one) => {
    remarks.onlyKnows(one.of, one.path, FIELDS.replica);
    return {
      name: remarks.text(one.of, one.path, "Name") ?? "",
      address: remarks.text(one.of, one.path, "IP") ?? "",
      isScaled: /^(yes|true)$/i.test(remarks.text(one.of, one.path, "ScaledUpResource") ?? ""),
    };
  });
  return [{ path, hypervisor, replicas }];
}

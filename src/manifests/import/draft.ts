import type { Cidr } from "../../api/addresses.ts";
import { isName } from "../../api/names.ts";
import { type Flapping, flapping } from "../../autoscale/check.ts";
import { overlaps } from "../../api/addresses.ts";
import { labelOf } from "./label.ts";
import type { OldBand, OldSubnet, OldTenant } from "./old-file.ts";
import { quoted, type Remarks } from "./remarks.ts";
import { type DraftHypervisor, type KnownHypervisors, placesOf } from "./sites.ts";

/** Manifests to be, made from the predecessor's file. */
export interface Draft {
  readonly tenant: DraftTenant;
  /** Only those that the tree does not describe yet. */
  readonly hypervisors: readonly DraftHypervisor[];
  readonly subnets: readonly DraftSubnet[];
}

export interface DraftTenant {
  readonly name: string;
  readonly oldName: string;
  readonly primary: string;
  readonly standby: readonly string[];
  /** Written where the kind's default is too little. */
  readonly quota: { readonly subnets: number; readonly replicas: number } | undefined;
}

export interface DraftSubnet {
  readonly name: string;
  readonly oldName: string;
  readonly cidr: Cidr;
  readonly runtime: OldSubnet["runtime"];
  /** Undefined where the old file has none that a manifest may name. */
  readonly image: string | undefined;
  readonly min: number;
  readonly max: number;
  /** How many stood, as the old file has it. */
  readonly stood: number;
  /** Undefined where the old thresholds are none that could be followed. */
  readonly band: { readonly min: number; readonly max: number } | undefined;
  readonly cooldownSeconds: number | undefined;
  /** The pair of thresholds would scale out and in by turns. */
  readonly flaps: Flapping | undefined;
}

/** The kinds' own defaults and bounds. */
const QUOTA = { subnets: 8, replicas: 40 };
const MOST_REPLICAS = 250;
const LONGEST_COOLDOWN = 86_400;
const IMAGE = {
  docker: /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$/,
  libvirt: /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.(qcow2|img|raw)$/,
};

/**
 * What the manifests of an old tenant are to say. What was guessed or changed is told to `remarks`; so is what cannot be
 * taken over, as an error, and then nothing is to be written.
 */
export function draft(old: OldTenant, known: KnownHypervisors, remarks: Remarks): Draft {
  const name = nameOf(old, remarks);
  const names = new Map<string, OldSubnet>();
  const subnets = old.subnets.flatMap((subnet) => draftSubnet(subnet, name, names, remarks));
  const { primary, standby, hypervisors } = placesOf(old.subnets, known, remarks);
  const needed = {
    subnets: subnets.length,
    replicas: subnets.reduce((sum, { max }) => sum + max, 0),
  };
  const isMore = needed.subnets > QUOTA.subnets || needed.replicas > QUOTA.replicas;
  const quota = isMore
    ? {
        subnets: Math.max(needed.subnets, QUOTA.subnets),
        replicas: Math.max(needed.replicas, QUOTA.replicas),
      }
    : undefined;
  return { tenant: { name, oldName: old.name, primary, standby, quota }, hypervisors, subnets };
}

function nameOf({ name }: OldTenant, remarks: Remarks): string {
  const label = labelOf(name);
  if (label === "")
    remarks.error(["TName"], `has no letter or digit that a name could be made of: ${quoted(name)}`);
  else if (!isName(name.toLowerCase()))
    remarks.warn(["TName"], `${quoted(name)} is no DNS label of at most 32 characters; it is ${label} now`);
  return label;
}

function draftSubnet(
  old: OldSubnet,
  tenant: string,
  names: Map<string, OldSubnet>,
  remarks: Remarks,
): DraftSubnet[] {
  const { path, cidr, runtime, places } = old;
  const twin = [...names.values()].find((one) => one.name === old.name && one.cidr === cidr);
  if (twin) {
    remarks.warn(path, `is ${quoted(old.name)} with the network ${cidr} a second time; it is left out`);
    return [];
  }
  const near = [...names.values()].find((one) => overlaps(one.cidr, cidr));
  if (near)
    remarks.error(
      [...path, "Subnet"],
      `${cidr} overlaps ${near.cidr} of ${quoted(near.name)}, and a tenant's networks must be apart`,
      "give one of the two another network in the old file, and import it again",
    );
  const name = subnetName(old, tenant, names, remarks);
  names.set(name, old);
  const replicas = places.flatMap((place) => place.replicas);
  const min = countOf(old, replicas.filter(({ isScaled }) => !isScaled).length, remarks);
  const max = Math.min(Math.max(replicas.length, min + 1), MOST_REPLICAS);
  const band = bandOf(old, remarks);
  return [
    {
      name,
      oldName: old.name,
      cidr,
      runtime,
      image: imageOf(old, remarks),
      min: Math.min(min, max),
      max,
      stood: replicas.length,
      band,
      cooldownSeconds: cooldownOf(old, remarks),
      flaps: band && flapping(band, 1, { min, max }),
    },
  ];
}

/** The image's name; of a virtual machine the file's, without the folders that the predecessor had it in. */
function imageOf({ path, image, runtime }: OldSubnet, remarks: Remarks): string | undefined {
  const fix = "fill in the image in the manifest";
  if (image === undefined || image === "") {
    remarks.warn(path, "has no image_name", fix);
    return undefined;
  }
  const at = [...path, "image_name"];
  const name = runtime === "libvirt" ? (image.split("/").at(-1) ?? "") : image;
  if (!IMAGE[runtime].test(name)) {
    const form = runtime === "libvirt" ? "a disk image's file, .qcow2, .img or .raw" : "an image";
    remarks.warn(at, `is no name of ${form}: ${quoted(image)}`, fix);
    return undefined;
  }
  if (name !== image)
    remarks.warn(at, `${quoted(image)} is taken as ${name}, a file in the fleet's image directory`);
  return name;
}

/** The name in its tenant, whose own name the predecessor put in front: `n1` of `T2-N1`. */
function subnetName(
  old: OldSubnet,
  tenant: string,
  names: ReadonlyMap<string, OldSubnet>,
  remarks: Remarks,
): string {
  const label = labelOf(old.name);
  const own = label.startsWith(`${tenant}-`) ? label.slice(tenant.length + 1) : label;
  let name = own === "" ? "subnet" : own;
  for (let n = 2; names.has(name); n += 1) name = `${(own === "" ? "subnet" : own).slice(0, 28)}-${n}`;
  const at = [...old.path, "SubnetName"];
  if (own !== "" && name !== own)
    remarks.warn(at, `${quoted(old.name)} would be ${own}, which another subnet is already; it is ${name}`);
  else if (!isName(old.name.toLowerCase()))
    remarks.warn(at, `${quoted(old.name)} is no DNS label of at most 32 characters; it is ${name} now`);
  return name;
}

/** The count to begin with; at least 1, for with none there is no load to follow. */
function countOf({ path, count }: OldSubnet, permanent: number, remarks: Remarks): number {
  if (count === undefined) {
    const guess = Math.max(permanent, 1);
    remarks.warn(path, `does not say how many it began with; replicas.min is ${guess}`);
    return guess;
  }
  const whole = Math.min(Math.max(Math.round(count), 1), MOST_REPLICAS);
  if (whole !== count) remarks.warn(path, `began with ${count}; replicas.min is ${whole}`);
  if (permanent > 0 && permanent !== count)
    remarks.warn(
      path,
      `began with ${count}, and its list has ${permanent} that were not scaled; replicas.min is ${whole}`,
    );
  return whole;
}

function bandOf({ path, load: { min, max } }: OldSubnet, remarks: Remarks): DraftSubnet["band"] {
  if (isBand({ min, max })) return { min: min ?? 0, max: max ?? 0 };
  const found = `found ${min ?? "none"} and ${max ?? "none"}`;
  remarks.warn(
    path,
    `thresholds need 0 < min_load < max_load; ${found}`,
    "the count will not follow load until autoscale is filled in",
  );
  return undefined;
}

const isBand = ({ min, max }: OldBand): boolean =>
  min !== undefined && max !== undefined && 0 < min && min < max;

function cooldownOf({ path, cooldownSeconds }: OldSubnet, remarks: Remarks): number | undefined {
  if (cooldownSeconds === undefined) return undefined;
  const seconds = Math.min(Math.round(cooldownSeconds), LONGEST_COOLDOWN);
  if (seconds !== cooldownSeconds)
    remarks.warn([...path, "cooldownperiod"], `${cooldownSeconds} is taken as ${seconds} seconds`);
  return seconds;
}

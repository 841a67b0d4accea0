import type { Hypervisor } from "../../api/kinds.gen.ts";
import type { OldBand, OldSubnet } from "./old-file.ts";
import type { Remarks } from "./remarks.ts";

/** Hypervisors that a tree describes already. */
export type KnownHypervisors = readonly Hypervisor[];

export interface DraftHypervisor {
  readonly name: string;
  /** Undefined where the old file knows none. */
  readonly address: string | undefined;
  /** What the tenant's replicas need there, all of them: any may come to stand there. */
  readonly runtimes: readonly OldSubnet["runtime"][];
  /** Percent of its CPUs; undefined where the old file has none that could be meant. */
  readonly load: { readonly min: number; readonly max: number } | undefined;
}

/** Where a tenant is at home and where it may burst to; and the hypervisors among these that are not described yet. */
export interface DraftPlaces {
  readonly primary: string;
  readonly standby: readonly string[];
  readonly hypervisors: readonly DraftHypervisor[];
}

/** Home is where a replica stands that was not scaled: that is where the predecessor put the first ones. */
export function placesOf(
  subnets: readonly OldSubnet[],
  known: KnownHypervisors,
  remarks: Remarks,
): DraftPlaces {
  const all = subnets.flatMap(({ places }) => places);
  const home = all.find(({ replicas }) => replicas.some(({ isScaled }) => !isScaled)) ?? all[0];
  const addresses = [...new Set([home, ...all].flatMap((place) => place?.hypervisor ?? []))];
  if (addresses.length === 0) return withoutPlaces(subnets, known, remarks);
  const hypervisors: DraftHypervisor[] = [];
  const names = addresses.map((address) => {
    const described = known.find((one) => addressesOf(one).includes(address));
    if (described) return described.metadata.name;
    const name = freeName([
      ...known.map(({ metadata }) => metadata.name),
      ...hypervisors.map((one) => one.name),
    ]);
    const place = all.find(({ hypervisor }) => hypervisor === address);
    if (known.length > 0 && place)
      remarks.warn(
        [...place.path, "Hypervisor"],
        `no Hypervisor of the tree has the address ${address}; provider/${name}.yaml is written for it`,
      );
    hypervisors.push({
      name,
      address,
      runtimes: runtimesOf(subnets),
      load: loadOf(address, subnets, remarks),
    });
    return name;
  });
  const [primary = "", ...standby] = names;
  return { primary, standby, hypervisors };
}

const runtimesOf = (subnets: readonly OldSubnet[]): DraftHypervisor["runtimes"] =>
  [...new Set(subnets.map(({ runtime }) => runtime))].toSorted();

function withoutPlaces(
  subnets: readonly OldSubnet[],
  [first]: KnownHypervisors,
  remarks: Remarks,
): DraftPlaces {
  const primary = first?.metadata.name ?? "hv1";
  remarks.warn(["Details"], `names no hypervisor; the tenant is at home on ${primary}`);
  const hypervisors = first
    ? []
    : [{ name: primary, address: undefined, runtimes: runtimesOf(subnets), load: undefined }];
  return { primary, standby: [], hypervisors };
}

const addressesOf = ({ spec: { underlay, connection } }: Hypervisor): readonly string[] => [
  underlay.address,
  ...(connection.ssh ? [connection.ssh.address] : []),
];

function freeName(taken: readonly string[]): string {
  for (let n = 1; ; n += 1) if (!taken.includes(`hv${n}`)) return `hv${n}`;
}

/** The thresholds that the tenant's subnets have for a hypervisor; they belong to it now, and there is one pair. */
function loadOf(address: string, subnets: readonly OldSubnet[], remarks: Remarks): DraftHypervisor["load"] {
  const there = subnets.filter(({ places }) => places.some(({ hypervisor }) => hypervisor === address));
  const bands = there.flatMap(({ path, hypervisorLoad }) => {
    const band = bandOf(hypervisorLoad);
    return band ? [{ path, ...band }] : [];
  });
  const [first] = bands;
  const other = bands.find(({ min, max }) => min !== first?.min || max !== first?.max);
  if (first && other)
    remarks.warn(
      [...other.path, "max_hyp_load"],
      `${address} has other thresholds here than with the subnet before; ${first.min} and ${first.max} are taken`,
    );
  return first && { min: first.min, max: first.max };
}

const bandOf = ({ min, max }: OldBand): DraftHypervisor["load"] =>
  min !== undefined && max !== undefined && min < max && max <= 100 ? { min, max } : undefined;

import { linkNames } from "../resources/marks.ts";
import type { HypervisorState, ReplicaState, SubnetState, TenantState } from "./state.ts";

/**
 * The snapshot as the predecessor wrote it, so that programs which read that go on: its names, its nesting, and every
 * number a string. Text that is not known or not there is empty.
 */
export interface LegacyState {
  readonly TName: string;
  readonly Details: readonly (LegacyContainers | LegacyMachines)[];
}

interface LegacySubnet {
  readonly SubnetName: string;
  readonly NetName: string;
  readonly Subnet: string;
  readonly Mask: string;
  readonly image_name: string;
  readonly max_load: string;
  readonly min_load: string;
  readonly max_hyp_load: string;
  readonly min_hyp_load: string;
  readonly cooldownperiod: string;
  /** `idle`, `scaledup`; `unknown` where the predecessor would have guessed. */
  readonly status: string;
  /** Seconds since the epoch; 0 when nobody remembers a scale-up. */
  readonly scaleduptime: string;
}

interface LegacyContainers extends LegacySubnet {
  readonly num_cons: string;
  readonly num_scaled_cons: string;
  readonly ConList: readonly LegacyPlace[];
}

interface LegacyMachines extends LegacySubnet {
  readonly num_vms: string;
  readonly num_scaled_vms: string;
  readonly VMList: readonly LegacyPlace[];
}

interface LegacyPlace {
  /** The hypervisor's address, or its name where no document tells one. */
  readonly Hypervisor: string;
  readonly List: readonly {
    readonly Name: string;
    readonly IP: string;
    readonly mgmtIP: string;
    readonly ScaledUpResource: "yes" | "no";
    readonly ScaledUpOrder: string;
  }[];
}

/** A tenant's state in the predecessor's format. Pure. */
export const legacyState = ({ metadata, hypervisors, subnets }: TenantState): LegacyState => ({
  TName: metadata.name,
  Details: subnets.map((subnet) => detailsOf(subnet, hypervisors)),
});

function detailsOf(
  subnet: SubnetState,
  hypervisors: readonly HypervisorState[],
): LegacyContainers | LegacyMachines {
  const isMachine = subnet.runtime === "libvirt";
  const band = subnet.thresholds?.[isMachine ? "steal" : "cpu"];
  // The predecessor kept a hypervisor's thresholds with the subnet; the home's are nearest to that.
  const home = hypervisors.find(({ role }) => role === "primary")?.load;
  const [Subnet = "", Mask = ""] = subnet.cidr.split("/");
  const head = {
    SubnetName: subnet.name,
    NetName: linkNames.bridge(subnet.name),
    Subnet,
    Mask,
    image_name: subnet.image ?? "",
  };
  const middle = {
    max_load: text(band?.max),
    min_load: text(band?.min),
    max_hyp_load: text(home?.max),
    min_hyp_load: text(home?.min),
    cooldownperiod: text(subnet.cooldownSeconds),
    status: subnet.status,
    scaleduptime: String(Math.floor(Date.parse(subnet.lastScaleUpTime ?? "1970-01-01T00:00:00Z") / 1000)),
  };
  const [count, scaled] = [text(subnet.min), text(subnet.scaledReplicas)];
  const places = hypervisors.map((one) => placeOf(one, subnet.replicas));
  return isMachine
    ? { ...head, num_vms: count, ...middle, num_scaled_vms: scaled, VMList: places }
    : { ...head, num_cons: count, ...middle, num_scaled_cons: scaled, ConList: places };
}

const text = (value: number | null | undefined): string =>
  value === undefined || value === null ? "" : String(value);

const placeOf = ({ name, address }: HypervisorState, all: readonly ReplicaState[]): LegacyPlace => ({
  Hypervisor: address ?? name,
  List: bySlot(all)
    .filter(({ hypervisor }) => hypervisor === name)
    .map((replica) => ({
      Name: replica.name,
      IP: replica.address,
      mgmtIP: replica.managementAddress,
      ScaledUpResource: replica.scaled ? "yes" : "no",
      ScaledUpOrder: String(replica.scaleOrder),
    })),
});

/** The predecessor knew no two of one name: while one replaces another, the one that serves. */
function bySlot(replicas: readonly ReplicaState[]): ReplicaState[] {
  const slots = new Map<string, ReplicaState>();
  for (const replica of replicas) {
    const before = slots.get(replica.name);
    if (!before || rank(replica) < rank(before)) slots.set(replica.name, replica);
  }
  return [...slots.values()];
}

const ORDER = ["serving", "unknown", "starting", "draining", "stopping", "leaving"] as const;

const rank = ({ phase }: ReplicaState): number => ORDER.indexOf(phase);

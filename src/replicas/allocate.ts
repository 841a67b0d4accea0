import { addressAt, type Cidr, indexOf, type Ipv4, size } from "../api/addresses.ts";
import type { SubnetName } from "../api/names.ts";
import {
  type FleetMemory,
  MANAGEMENT,
  type ReleasedAddress,
  type ReplicaMemory,
  type SegmentMemory,
  type TenantMemory,
} from "./memory.ts";

/** Neither addresses nor VXLAN ids are used again this soon: a late command may still name the former holder. */
export const QUARANTINE_MILLISECONDS = 180_000;

/** VXLAN ids begin here; the 24 bits of the header end the range. */
const FIRST_VXLAN_ID = 1001;
const LAST_VXLAN_ID = 2 ** 24 - 1;

/**
 * The next free index of a network, round the range from the one given out last; undefined when all are taken.
 * Network and broadcast address are never given out.
 */
export function nextIndex(
  cidr: Cidr,
  options: { last: number; taken: ReadonlySet<Ipv4>; released: readonly ReleasedAddress[]; now: number },
): number | undefined {
  const resting = new Set(
    options.released
      .filter(({ at }) => options.now - at < QUARANTINE_MILLISECONDS)
      .map(({ address }) => address),
  );
  const usable = size(cidr) - 2;
  for (let step = 1; step <= usable; step++) {
    // guard: fresh identity
    const index = ((options.last - 1 + step) % usable) + 1;
    const address = addressAt(cidr, index);
    // guard: fresh identity
    if (!options.taken.has(address) && !resting.has(address)) return index;
  }
  return undefined;
}

/** Where a bastion is in a management network: the last that can be used, kept free whether or not there is one. */
export const bastionAddress = (cidr: Cidr): Ipv4 => addressAt(cidr, size(cidr) - 2);

/** A fresh pair of addresses, on the subnet and on the management network. */
export interface AddressPair {
  readonly address: Ipv4;
  readonly managementAddress: Ipv4;
}

/** Gives out addresses during one step; what it gave out stands in {@link segments} afterwards. */
export class AddressBook {
  segments: Readonly<Record<string, SegmentMemory>>;
  readonly #reserved: readonly Ipv4[];
  readonly #released: readonly ReleasedAddress[];
  readonly #now: number;

  constructor(memory: TenantMemory, reserved: readonly Ipv4[], now: number) {
    this.segments = memory.segments;
    this.#released = memory.released;
    this.#reserved = reserved;
    this.#now = now;
  }

  /** The next free pair for one more replica of the subnet; undefined when a network is full. */
  take(subnet: SubnetName, standing: readonly ReplicaMemory[]): AddressPair | undefined {
    const mine = standing.filter((replica) => replica.subnet === subnet).map(({ address }) => address);
    const address = this.#next(subnet, mine);
    const managementAddress = this.#next(
      MANAGEMENT,
      standing.map((replica) => replica.managementAddress),
    );
    return address && managementAddress && { address, managementAddress };
  }

  #next(name: string, taken: readonly Ipv4[]): Ipv4 | undefined {
    const segment = this.segments[name];
    if (!segment) return undefined;
    const { cidr, gateway, lastIndex: last } = segment;
    const own = name === MANAGEMENT ? [bastionAddress(cidr)] : [];
    const all = new Set([gateway, ...own, ...this.#reserved, ...taken]);
    const index = nextIndex(cidr, { last, taken: all, released: this.#released, now: this.#now });
    if (index === undefined) return undefined;
    this.segments = { ...this.segments, [name]: { ...segment, lastIndex: index } };
    return addressAt(cidr, index);
  }
}

/** Index of an address, for remembering which was given out last. */
export const lastIndexOf = (cidr: Cidr, addresses: readonly Ipv4[]): number =>
  Math.max(
    0,
    ...addresses.map((address) => indexOf(cidr, address)).filter((index) => index > 0 && index < size(cidr)),
  );

/** The next free VXLAN id. `foreign` are those that somebody else was seen to use, in any namespace of any hypervisor. */
export function nextVxlanId(memory: FleetMemory, foreign: ReadonlySet<number>, now: number): number {
  const taken = new Set([
    // guard: owner's mark
    ...foreign,
    // guard: fresh identity
    ...memory.releasedVxlanIds.filter(({ at }) => now - at < QUARANTINE_MILLISECONDS).map(({ id }) => id),
    ...Object.values(memory.tenants).flatMap(({ segments }) =>
      Object.values(segments).map(({ vxlanId }) => vxlanId),
    ),
  ]);
  const range = LAST_VXLAN_ID - FIRST_VXLAN_ID + 1;
  const start = Math.max(memory.lastVxlanId + 1, FIRST_VXLAN_ID);
  for (let step = 0; step < range; step++) {
    const id = FIRST_VXLAN_ID + ((start - FIRST_VXLAN_ID + step) % range);
    if (!taken.has(id)) return id;
  }
  throw new RangeError("every VXLAN id is taken");
}

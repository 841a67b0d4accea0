import type { Mac } from "../api/addresses.ts";
import { groupOf, linkNames } from "../resources/marks.ts";
import type { PortState } from "../resources/port.ts";
import type { Scope, Segment } from "./input.ts";

/** What stands behind a port. */
interface Behind extends Pick<PortState, "link" | "alias" | "workload" | "inside"> {
  readonly mac: Mac;
  /** Whether it reaches no other isolated port of its bridge. */
  readonly isIsolated: boolean;
}

/** A port of a segment. It passes only the address it was told; nothing is learned from it and nothing flooded to it. */
export const lockedPort = (
  { fleet, mtu }: Scope,
  { subnet }: Segment,
  { link, alias, workload, mac, isIsolated, inside }: Behind,
): PortState => ({
  link,
  mac: undefined,
  mtu,
  master: linkNames.bridge(subnet),
  group: String(groupOf(fleet)),
  alias,
  up: true,
  flags: {
    // guard: tenant boundary
    locked: true,
    learning: false,
    flood: false,
    mcast_flood: false,
    bcast_flood: false,
    neigh_suppress: false,
    proxy_arp: true,
    isolated: isIsolated,
  },
  addresses: [],
  workload,
  behind: mac,
  entry: true,
  inside,
});

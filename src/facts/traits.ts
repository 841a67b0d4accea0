import type { HostFacts } from "./facts.ts";

/** What a hypervisor is like in ways that no manifest says. */
export interface HostTraits {
  /** The uplink's device is a bridge, not a NIC. */
  readonly uplinkIsBridge: boolean;
  readonly uplinkMtu: number;
  /** Bridged packets run through a FORWARD chain that drops them, as Docker leaves it. */
  readonly dropsBridged: boolean;
}

/** The traits that a look shows. `uplink` is the device that the manifest names, if any. */
export function traitsOf({ own }: HostFacts, uplink: string | undefined): HostTraits {
  const device = own.links.find(({ name }) => name === uplink);
  return {
    uplinkIsBridge: device?.type === "bridge",
    uplinkMtu: device?.mtu ?? 1500,
    dropsBridged:
      own.sysctls["bridge/bridge-nf-call-iptables"] === "1" &&
      own.ipv4["filter"]?.chains["FORWARD"] === "DROP",
  };
}

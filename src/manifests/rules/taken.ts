import { addressOf, type Cidr, host, networkOf, overlaps, parseCidr } from "../../api/addresses.ts";
import type { Hypervisor, Tenant } from "../../api/kinds.gen.ts";
import { trusted } from "../../api/names.ts";
import type { Fault } from "../fault.ts";
import type { Path } from "../path.ts";
import type { DocumentKey } from "../revision.ts";
import { show } from "../sentences.ts";
import type { Subject, View } from "./rule.ts";

/** A network that others must keep clear of, and how a message names it. */
export interface Taken {
  readonly network: Cidr;
  readonly what: string;
  /** The document that takes it; undefined for what the Internet takes. */
  readonly owner?: DocumentKey;
}

const known = (networks: Readonly<Record<string, string>>): readonly Taken[] =>
  Object.entries(networks).map(([network, what]) => ({ network: trusted(network), what }));

/** Networks that mean something else on every host. */
export const RESERVED = known({
  "0.0.0.0/8": "this host",
  "127.0.0.0/8": "loopback",
  "169.254.0.0/16": "link-local addresses",
  "224.0.0.0/4": "multicast",
  "240.0.0.0/4": "reserved addresses",
});

/** Networks that are routed nowhere on the Internet. */
export const PRIVATE = known({
  "10.0.0.0/8": "private",
  "100.64.0.0/10": "shared",
  "172.16.0.0/12": "private",
  "192.0.2.0/24": "documentation",
  "192.168.0.0/16": "private",
  "198.18.0.0/15": "benchmarks",
  "198.51.100.0/24": "documentation",
  "203.0.113.0/24": "documentation",
});

/** Whether host bits are zero: comparing another network would mean nothing. */
export const isCanonical = (cidr: Cidr): boolean => parseCidr(cidr) !== undefined;

/** The first of the taken networks that shares an address with `cidr`; one is enough to be in the way. */
export function clash(cidr: Cidr, path: Path, taken: readonly Taken[]): readonly Fault[] {
  if (!isCanonical(cidr)) return [];
  const found = taken.find(({ network }) => isCanonical(network) && overlaps(cidr, network));
  if (found === undefined) return [];
  const message = `must not overlap ${found.network} (${found.what}), found ${show(cidr)}`;
  return [{ code: "EK-OVERLAP", path, message }];
}

/** The addresses under which a tenant is reached from outside. */
export const services = ({ key, object, cite }: Subject<Tenant>): readonly Taken[] => [
  ...object.spec.serviceAddresses.map((network, index) => ({
    network,
    owner: key,
    what: `service addresses of tenant ${object.metadata.name}, ${cite(["spec", "serviceAddresses", index])}`,
  })),
  ...(object.spec.bastion
    ? [
        {
          network: host(object.spec.bastion.address),
          owner: key,
          what: `bastion of tenant ${object.metadata.name}, ${cite(["spec", "bastion", "address"])}`,
        },
      ]
    : []),
];

/** Networks of the hypervisors that a tenant's things may stand on. */
export const hosts = ({ spec }: Tenant, view: View): readonly Taken[] =>
  [spec.primary, ...spec.standby.map(({ name }) => name)].flatMap((name): readonly Taken[] => {
    const found = view.hypervisor(name);
    if (!found) return [];
    const { underlay, uplink } = found.object.spec;
    const at = (field: string): string =>
      `${field} of hypervisor ${name}, ${found.cite(["spec", field, "address"])}`;
    return [
      { network: host(underlay.address), what: at("underlay") },
      ...(uplink ? [{ network: networkOf(uplink.address), what: at("uplink") }] : []),
    ];
  });

/** The addresses that are a hypervisor's own, and its router's. */
export const ownAddresses = ({ key, object, cite }: Subject<Hypervisor>): readonly Taken[] => {
  const { underlay, uplink } = object.spec;
  const of = (field: string, name: string): string =>
    `${name} of hypervisor ${object.metadata.name}, ${cite(["spec", field])}`;
  return [
    { network: host(underlay.address), what: of("underlay", "underlay address"), owner: key },
    ...(uplink
      ? [
          { network: host(addressOf(uplink.address)), what: of("uplink", "uplink address"), owner: key },
          { network: host(uplink.gateway), what: of("uplink", "gateway"), owner: key },
        ]
      : []),
  ];
};

import { type Cidr, type Ipv4, addressOf, host, networkOf, parseCidr, rangeOf } from "../../api/addresses.ts";
import type { Hypervisor, Tenant } from "../../api/kinds.gen.ts";
import { trusted } from "../../api/names.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import type { Finding, Subject, View } from "./rule.ts";

/** A network that others must keep clear of. */
export interface Taken {
  readonly network: Cidr;
  /** Worked out once: a large fleet compares a great many. */
  readonly range: ReturnType<typeof rangeOf>;
  /** What it is, for messages. */
  readonly what: string;
  /** The document that takes it, and the field; undefined for what the Internet takes. */
  readonly by?: { readonly subject: Subject; readonly path: Path };
}

const taken = (network: Cidr, what: string, by?: Taken["by"]): Taken => ({
  network,
  range: rangeOf(network),
  what,
  ...(by && { by }),
});

const known = (networks: Readonly<Record<string, string>>): readonly Taken[] =>
  Object.entries(networks).map(([network, what]) => taken(trusted(network), what));

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

/** A network that a document takes; none where it is none, which is told elsewhere. */
export const take = (subject: Subject, path: Path, network: Cidr, what: string): readonly Taken[] =>
  isCanonical(network) ? [taken(network, what, { subject, path })] : [];

/** The first of the taken networks that shares an address with `cidr`; one is enough to be in the way. */
export function clash(about: Subject, path: Path, cidr: Cidr, others: readonly Taken[]): readonly Finding[] {
  if (!isCanonical(cidr)) return [];
  const { first, last } = rangeOf(cidr);
  // guard: tenant boundary
  const found = others.find(({ range }) => first <= range.last && range.first <= last);
  if (found === undefined) return [];
  const { network, what, by } = found;
  const where = by === undefined ? what : `${what}, ${by.subject.cite(by.path)}`;
  const message = `must not overlap ${network} (${where}), found ${show(cidr)}`;
  const related = by === undefined ? [] : [by.subject.key];
  return [{ code: "EK-OVERLAP", path, message, about: about.key, related }];
}

/** The addresses under which a tenant is reached from outside. */
export function services(tenant: Subject<Tenant>): readonly Taken[] {
  const { spec, metadata } = tenant.object;
  return [
    ...spec.serviceAddresses.flatMap((network, index) => {
      const what = `service addresses of tenant ${metadata.name}`;
      return take(tenant, ["spec", "serviceAddresses", index], network, what);
    }),
    ...(spec.bastion
      ? take(
          tenant,
          ["spec", "bastion", "address"],
          host(spec.bastion.address),
          `bastion of tenant ${metadata.name}`,
        )
      : []),
  ];
}

/** Networks of the hypervisors that a tenant's things may stand on. */
export const hosts = ({ spec }: Tenant, view: View): readonly Taken[] =>
  [spec.primary, ...spec.standby.map(({ name }) => name)].flatMap((name): readonly Taken[] => {
    const found = view.hypervisor(name);
    if (!found) return [];
    const { underlay, uplink } = found.object.spec;
    return [
      ...take(
        found,
        ["spec", "underlay", "address"],
        host(underlay.address),
        `underlay of hypervisor ${name}`,
      ),
      ...(uplink
        ? take(
            found,
            ["spec", "uplink", "address"],
            networkOf(uplink.address),
            `uplink of hypervisor ${name}`,
          )
        : []),
    ];
  });

/** The addresses that are a hypervisor's own, and its router's. */
export function ownAddresses(hypervisor: Subject<Hypervisor>): readonly Taken[] {
  const { spec, metadata } = hypervisor.object;
  const own = (field: "underlay" | "uplink", part: string, address: Ipv4, what: string): readonly Taken[] =>
    take(hypervisor, ["spec", field, part], host(address), `${what} of hypervisor ${metadata.name}`);
  return [
    ...own("underlay", "address", spec.underlay.address, "underlay address"),
    ...(spec.uplink
      ? [
          ...own("uplink", "address", addressOf(spec.uplink.address), "uplink address"),
          ...own("uplink", "gateway", spec.uplink.gateway, "gateway"),
        ]
      : []),
  ];
}

import { type Cidr, type Ipv4, type Mac, macOf } from "../api/addresses.ts";
import type { Bastion } from "../api/kinds.gen.ts";
import { BASTION_KEY, bastionDirectory, publishedDirectory } from "../facts/script.ts";
import type { BastionState } from "../resources/bastion.ts";
import { aliasOf, bastionLabels, type BastionMark, bastionName, linkNames } from "../resources/marks.ts";
import type { ContainerRequest } from "../resources/operation.ts";
import type { PortState } from "../resources/port.ts";
import type { Resource } from "../resources/resource.ts";
import { bastionAddress } from "../replicas/allocate.ts";
import { type Part, type Scope, type Segment, within } from "./input.ts";
import { lockedPort } from "./locked-port.ts";

/** A tenant's bastion, out of its document, its memory and the management network. */
export interface DesiredBastion {
  readonly spec: Bastion;
  readonly name: string;
  readonly mark: BastionMark;
  /** Its one interface, on the management network. */
  readonly address: Ipv4;
  readonly mac: Mac;
  readonly port: PortState;
  readonly command: readonly string[];
}

/** The port on which sshd listens in the container; outside it is the one that the manifest gives. */
const SSH = 22;

/** What a bastion takes of its hypervisor. */
const NANO_CPUS = 500_000_000;
const MEMORY = 128 * 2 ** 20;

/** Where the container finds what lasts: its host key. */
const KEPT = "/etc/evenkeel";

/** Where it finds the tenant's snapshot, and the port of its one address on which it shows that. */
const SHOWN = "/srv/evenkeel";
const HTTP = 9480;

/**
 * What runs in it. The image brings sshd and ssh-keygen; nothing of its own configuration counts. Keys come by the
 * environment, as data: no shell reads them as its own words. The host key is made once, and lasts in the hypervisor's
 * directory. Replicas can reach its ports over the management network: sshd does not let them in, the snapshot they may read,
 * as it is their own tenant's. Its address comes with its interface, a moment after it has started, so that busybox's httpd
 * is begun until it can have it; it serves as nobody, and only what evenkeel has put there.
 */
const commandFor = (cidr: Cidr, address: Ipv4): readonly string[] => [
  "/bin/sh",
  "-c",
  `set -e
umask 077
PATH=$PATH:/usr/sbin:/sbin
sshd=$(command -v sshd) || { echo "the image has no sshd" >&2; exit 127; }
[ -s ${KEPT}/${BASTION_KEY} ] || {
  rm -f ${KEPT}/${BASTION_KEY}.new*
  ssh-keygen -q -t ed25519 -N '' -C '' -f ${KEPT}/${BASTION_KEY}.new
  mv ${KEPT}/${BASTION_KEY}.new ${KEPT}/${BASTION_KEY}
}
mkdir -m 755 -p /run /run/sshd /run/httpd
mkdir -p /run/evenkeel
printf '%s\\n' "$AUTHORIZED_KEYS" >/run/evenkeel/authorized_keys
unset AUTHORIZED_KEYS
httpd=
for one in busybox busybox-extras; do
  case $("$one" --list 2>/dev/null) in *httpd*) httpd=$one ;; esac
done
if [ "$httpd" ]; then
  echo .json:application/json >/run/httpd/httpd.conf
  chmod 644 /run/httpd/httpd.conf
  while :; do
    "$httpd" httpd -f -p ${address}:${HTTP} -u 65534:65534 -h ${SHOWN} -c /run/httpd/httpd.conf 2>/dev/null || :
    sleep 1
  done &
else
  echo "the image has no busybox with httpd: no snapshot over HTTP" >&2
fi
exec "$sshd" -D -e -f /dev/null -h ${KEPT}/${BASTION_KEY} -p ${SSH} \\
  -o AuthorizedKeysFile=/run/evenkeel/authorized_keys -o PasswordAuthentication=no \\
  -o KbdInteractiveAuthentication=no -o PermitRootLogin=prohibit-password -o PidFile=none \\
  -o DenyUsers=*@${cidr}`,
];

/** The tenant's bastion; undefined where it has none, or no management network yet. */
export function bastionOf(scope: Scope): DesiredBastion | undefined {
  const spec = scope.tenant.spec.bastion;
  const known = scope.memory.bastion;
  const segment = scope.segments.find(({ subnet }) => subnet === undefined);
  if (!spec || !known || !segment) return undefined;
  const { fleet, name: tenant } = scope;
  const address = bastionAddress(segment.cidr);
  const mac = macOf(address);
  const { incarnation, made } = known;
  const command = commandFor(segment.cidr, address);
  const mark: BastionMark = { tenant, incarnation, address, made };
  const name = bastionName(fleet, mark);
  const port = portOf(scope, segment, { name, mark, address, mac });
  return { spec, name, mark, address, mac, port, command };
}

/** The bastion, where it stands: at home. */
export function bastion(scope: Scope, part: Part): Resource[] {
  const of = bastionOf(scope);
  if (!of || !part.isPrimary || scope.memory.bastion?.hypervisor !== part.name) return [];
  const place = { hypervisor: part.name, tenant: scope.name };
  const state: BastionState = { name: of.name, mark: of.mark, running: true, request: requestOf(scope, of) };
  return [
    { ...place, kind: "bastion", name: of.name, state },
    { ...place, kind: "port", name: of.port.link, state: of.port },
  ];
}

function requestOf({ fleet, name: tenant }: Scope, of: DesiredBastion): ContainerRequest {
  const { spec, name, mark, command } = of;
  return {
    name,
    hostname: "bastion",
    image: spec.image,
    command,
    // Names of the tenant's lead to its data path, where a bastion has no way.
    resolver: undefined,
    searchDomains: [],
    env: [{ name: "AUTHORIZED_KEYS", value: spec.authorizedKeys.join("\n") }],
    labels: bastionLabels(fleet, mark),
    nanoCpus: NANO_CPUS,
    memory: MEMORY,
    hostKeyIn: bastionDirectory(fleet, tenant),
    mounts: [
      { directory: bastionDirectory(fleet, tenant), inside: KEPT, readOnly: false },
      { directory: publishedDirectory(fleet, tenant), inside: SHOWN, readOnly: true },
    ],
  };
}

/** Locked as a replica's, and not isolated: that is how it reaches them all, while they do not reach each other. */
const portOf = (
  scope: Scope,
  segment: Segment,
  { name, mark: { incarnation }, address, mac }: Pick<DesiredBastion, "name" | "mark" | "address" | "mac">,
): PortState =>
  lockedPort(scope, segment, {
    link: linkNames.port("m", incarnation),
    alias: aliasOf(scope.fleet, scope.name, undefined, "bastion port"),
    workload: name,
    mac,
    isIsolated: false,
    inside: {
      device: "eth0",
      mac,
      mtu: scope.mtu,
      address: within(segment.cidr, address),
      gateway: segment.gateway,
    },
  });

/** Where SSH from outside is sent; and that it may pass, to the bastion alone. */
export const bastionRules = (
  scope: Scope,
): { readonly nat: readonly string[]; readonly forward: (from: string) => readonly string[] } => {
  const of = bastionOf(scope);
  if (!of) return { nat: [], forward: () => [] };
  const { address, port } = of.spec;
  return {
    nat: [
      `-A PREROUTING -d ${address}/32 -p tcp -m tcp --dport ${port} -j DNAT --to-destination ${of.address}:${SSH}`,
    ],
    forward: (from) => [
      // guard: tenant boundary
      `-A FORWARD -d ${of.address}/32 -i ${from} -o ${linkNames.bridge(undefined)} -m conntrack --ctstate DNAT -j ACCEPT`,
    ],
  };
};

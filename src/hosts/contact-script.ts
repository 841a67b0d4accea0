import type { InterfaceAddress } from "../api/addresses.ts";
import { EvenkeelError } from "../api/errors.ts";
import type { Runtime } from "../facts/visibility.ts";

/** The hypervisor's place in the underlay network, as its manifest says. */
export interface Underlay {
  readonly device: string;
  readonly address: string;
  /** Octets that must pass there, by its manifest. */
  readonly mtu: number;
}

/** Its way to the tenants' clients, as its manifest says; its address is its own there, never a tenant's. */
export interface Uplink {
  readonly device: string;
  readonly address: InterfaceAddress;
}

/** What a hypervisor is asked at the first contact, as its manifest says. */
export interface ContactOptions {
  readonly underlay: Underlay;
  /** Undefined where it has none. */
  readonly uplink?: Uplink | undefined;
  readonly runtimes: readonly Runtime[];
  /** How it runs virtual machines, where it does. */
  readonly domainType: "kvm" | "qemu";
}

/** The tools that evenkeel runs on any hypervisor, and the Debian package that each is in. */
export const TOOLS: ReadonlyMap<string, string> = new Map([
  ["ip", "iproute2"],
  ["bridge", "iproute2"],
  ["nsenter", "util-linux"],
  ["flock", "util-linux"],
  ["iptables", "iptables"],
  ["iptables-save", "iptables"],
  ["iptables-restore", "iptables"],
  ["ip6tables-restore", "iptables"],
  ["ebtables-nft-save", "iptables"],
  ["ebtables-nft-restore", "iptables"],
  ["conntrack", "conntrack"],
  ["timeout", "coreutils"],
  ["sha256sum", "coreutils"],
  ["bash", "bash"],
  // by docker:
  ["docker", "docker.io"],
  // by libvirt:
  ["virsh", "libvirt-clients"],
  ["qemu-img", "qemu-utils"],
  ["genisoimage", "genisoimage"],
  ["base64", "coreutils"],
]);

/** Those of them that only one runtime needs. */
const OF_RUNTIME: Readonly<Record<Runtime, readonly string[]>> = {
  docker: ["docker"],
  libvirt: ["virsh", "qemu-img", "genisoimage", "base64"],
};

/** The tools that a hypervisor with these runtimes needs. */
const toolsFor = (runtimes: readonly Runtime[]): string[] => {
  const others = Object.values(OF_RUNTIME).flat();
  const own = runtimes.flatMap((runtime) => OF_RUNTIME[runtime]);
  return [...TOOLS.keys()].filter((tool) => !others.includes(tool) || own.includes(tool));
};

/** What may stand in a script as a word: a link's name or an address, nothing that a shell would read as more. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9.:_-]*$/;

/** One POSIX script, one exec: everything that the first contact asks of a hypervisor, a fact a line. */
export function contactScript({ underlay, uplink, runtimes, domainType }: ContactOptions): string {
  const places = { underlay: wordsOf(underlay), uplink: uplink ? wordsOf(uplink) : [] };
  for (const [field, words] of Object.entries(places)) {
    // guard: no manifest text in a shell
    const odd = words.find((word) => !WORD.test(word));
    if (odd !== undefined)
      throw new EvenkeelError(
        "EK-FIELD-INVALID",
        `${field}: ${JSON.stringify(odd)} is no link name and no address`,
      );
  }
  const [device = "", address = ""] = places.uplink;
  const machines = runtimes.includes("libvirt") ? domainType : "";
  const containers = runtimes.includes("docker") ? "yes" : "";
  const all = [...places.underlay, String(underlay.mtu), device, address, machines, containers];
  return `set -- ${all.map((word) => `'${word}'`).join(" ")} ${toolsFor(runtimes).join(" ")}\n${FACTS}`;
}

const wordsOf = ({ device, address }: { device: string; address: string }): string[] => [
  device,
  address.replace(/\/\d+$/, ""),
];

/**
 * `$1` is the underlay device, `$2` its address, `$3` its MTU; `$4` the uplink's device, `$5` its address, both empty where
 * it has none; `$6` is how it runs virtual machines, and `$7` whether it runs containers, empty where not; the rest are
 * tools. Kernel support is tried in a namespace that exists
 * for that alone: whether a module is there shows only when it is asked for. Nothing outside it is touched. Docker and
 * the resolver get a few seconds each, because a hung one is a finding and not the end of the check.
 */
const FACTS = String.raw`
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
set -f # so that an error message is split into words, and nothing else happens to it
say() { printf '%s ' $*; echo; }
device=$1 address=$2 mtu=$3 uplink=$4 own=$5 machines=$6 containers=$7; shift 7

say uid "$(id -u)"
for tool; do
  if command -v "$tool" >/dev/null 2>&1; then say tool "$tool" yes; else say tool "$tool" no; fi
done
if command -v dnsmasq >/dev/null 2>&1; then say resolver yes; else say resolver no; fi
if command -v collectd >/dev/null 2>&1; then say collector yes; else say collector no; fi
say iproute2 "$(ip -V 2>&1)"
if ip -j link show lo >/dev/null 2>&1; then say json yes; else say json no; fi
say iptables "$(iptables -V 2>&1)"

if [ -z "$containers" ]; then :
elif version=$(timeout 5 docker version --format '{{.Server.Version}}' 2>&1); then
  say engine yes "$version"
  say live-restore "$(timeout 5 docker info --format '{{.LiveRestoreEnabled}}' 2>/dev/null)"
else
  say engine no "$version"
fi

if [ -n "$containers" ] && [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
  if command -v apparmor_parser >/dev/null 2>&1; then say apparmor yes; else say apparmor no; fi
fi
if [ -n "$machines" ]; then
  if version=$(timeout 5 virsh -q -c qemu:///system version --daemon 2>&1); then say libvirt yes $version; else say libvirt no "$version"; fi
  if [ "$machines" = kvm ]; then if [ -c /dev/kvm ]; then say kvm yes; else say kvm no; fi; fi
fi

place() {
  if ip link show dev "$2" >/dev/null 2>&1; then say device yes "$1" "$2"; else say device no "$1" "$2"; fi
  case " $(ip -o addr show dev "$2" 2>/dev/null) " in
    *" $3/"*) say address yes "$1" "$2" "$3" ;;
    *) say address no "$1" "$2" "$3" ;;
  esac
}
place underlay "$device" "$address"
[ -z "$uplink" ] || place uplink "$uplink" "$own"
found=$(ip -o link show dev "$device" 2>/dev/null | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
[ -z "$found" ] || say mtu "$found" "$mtu" "$device"

if timeout 3 getent hosts "$(uname -n)" >/dev/null 2>&1; then say name yes "$(uname -n)"
else say name no "$(uname -n)"; fi

folder=/var/lib/evenkeel; [ -d "$folder" ] || folder=/var/lib
df -Pk "$folder" 2>/dev/null | { read -r _; read -r _ _ _ free _; say disk "$free"; }

space="evenkeel-contact-$$-$(date +%s%N)"
trap 'ip netns del "$space" 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
attempt() {
  what=$1; shift
  if why=$("$@" 2>&1); then say kernel "$what" yes; else say kernel "$what" no "$why"; fi
}
inside() { nsenter --net="/run/netns/$space" "$@"; }
if why=$(ip netns add "$space" 2>&1); then
  say kernel netns yes
  attempt bridge ip -n "$space" link add name b0 type bridge
  attempt veth ip -n "$space" link add name v0 type veth peer name v1
  attempt macvlan ip -n "$space" link add link v1 name m0 type macvlan mode private
  attempt vxlan ip -n "$space" link add name x0 type vxlan id 1 dstport 4789 nolearning
  ip -n "$space" link set v0 master b0 2>/dev/null
  attempt port-flags ip -n "$space" link set v0 type bridge_slave locked on isolated on learning off \
    neigh_suppress off proxy_arp on bcast_flood off
  attempt netfilter inside iptables-restore <<'RULES'
*filter
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p udp -m udp --dport 4789 -m u32 --u32 "0>>22&0x3C@12>>8=0x1" -j DROP
-A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset
COMMIT
*mangle
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*nat
-A PREROUTING -p tcp -m tcp --dport 80 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 192.0.2.1:80
-A POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE
COMMIT
RULES
  attempt ebtables inside ebtables-nft-restore <<'RULES'
*nat
:PREROUTING ACCEPT
-A PREROUTING -p ARP --arp-ip-src 192.0.2.1 -j DROP
RULES
else
  say kernel netns no "$why"
fi
say end
`;

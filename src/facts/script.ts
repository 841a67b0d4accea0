import type { Mac } from "../api/addresses.ts";
import type { FleetName, TenantName } from "../api/names.ts";
import { collectorsScript } from "./collectors.ts";
import { resolversScript } from "./resolvers.ts";

/** What one look is asked to read, and whether it may touch the fence. */
export interface LookRequest {
  readonly fleet: FleetName;
  /** Marks the parts of the output; random, so that nothing printed by the host can pass for a header. */
  readonly nonce: string;
  /** Namespaces with a drain in progress: their connections are read too (11 ms each, so only theirs). */
  readonly draining: readonly string[];
  /** MAC addresses of the replicas that drain: their own socket tables are read too. */
  readonly drainingMacs?: readonly Mac[];
  /** Identity of the ledger whose fence is freed: a controller that may end does so with its look, at no further round trip. */
  readonly freeFenceOf?: string;
  /** The fence of a controller that stays, which each of its looks renews; a newer one, or another's, is left alone. */
  readonly keepFence?: KeptFence;
}

/** A fence as it is written: quoted for a shell. */
export interface KeptFence {
  readonly epoch: number;
  readonly ledger: string;
  readonly line: string;
}

/**
 * Renews the fence under the lock that changes take; when a change holds it, that one has renewed it. It goes on beside the
 * reading, and the script waits for it with the namespaces.
 */
const renewal = (fleet: FleetName, { epoch, ledger, line }: KeptFence): string => `
(
  [ -d ${fleetDirectory(fleet)} ] || mkdir -p ${fleetDirectory(fleet)} || exit
  exec 9>${fleetDirectory(fleet)}/lock
  flock -n 9 || exit 0
  epoch=0; serial=0; [ ! -e "$F" ] || read -r epoch state at ledger holder manifests serial < "$F"
  # guard: fence
  if [ "\${epoch:-0}" -lt ${epoch} ] || { [ "$epoch" -eq ${epoch} ] && [ "$ledger" = ${ledger} ]; }; then
    echo "${line} \${serial:-0}" > "$F.$$" && mv "$F.$$" "$F"
  fi
) &`;

/** Prints `none` where there is no Docker, and never was: then there are no containers, whoever does not answer. */
export const dockerPresence =
  "command -v docker >/dev/null 2>&1 || [ -e /var/run/docker.sock ] || [ -d /var/lib/docker/containers ] || echo none";

/** How libvirt is spoken to on a hypervisor: the one for the whole machine, and in words that do not change. */
export const VIRSH = "virsh -q -c qemu:///system";

/**
 * Prints the fleet's virtual machines: a list of all with their states, then the XML of ours. Where the fleet never made one
 * nothing is started and nothing printed; `silent` where libvirt does not answer.
 */
const domains = (fleet: FleetName): string => `
domains() {
  asked=
  for f in ${fleetDirectory(fleet)}/domains/* /run/libvirt/qemu/${fleet}.*.pid /etc/libvirt/qemu/${fleet}.*.xml; do [ ! -e "$f" ] || asked=yes; done
  [ "$asked" ] || return 0
  timeout 5 ${VIRSH} list --all --name > "$d/names" 2>/dev/null || { echo silent; return 0; }
  timeout 5 ${VIRSH} "list --all; $(sed -n 's/^${fleet}[.][a-z0-9.-]*$/dumpxml &/p' "$d/names" | paste -sd ';' -)" 2>/dev/null || echo silent
}`;

/** Directory of a fleet's files on a hypervisor. */
export const fleetDirectory = (fleet: FleetName): string => `/var/lib/evenkeel/${fleet}`;

/** Directory of what a tenant's bastion keeps on its hypervisor: its host key. */
export const bastionDirectory = (fleet: FleetName, tenant: TenantName): string =>
  `${fleetDirectory(fleet)}/bastions/${tenant}`;

/** What it is called there. */
export const BASTION_KEY = "host_key";

/** Directory of what a tenant's bastion shows, which it cannot write. */
export const publishedDirectory = (fleet: FleetName, tenant: TenantName): string =>
  `${fleetDirectory(fleet)}/published/${tenant}`;

/**
 * Shell lines that print `PID CONTAINER-ID` for every running container, ours or not, without asking Docker.
 * @param root what stands before all paths
 */
export const runningContainers = (
  root = "",
): string => `for f in ${root}/run/containerd/io.containerd.runtime.v2.task/moby/*/init.pid \\
  ${root}/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/*/init.pid; do
  [ -e "$f" ] || continue
  id=\${f%/init.pid}; read -r p < "$f" || [ -n "$p" ] || continue
  echo "$p \${id##*/}"
done`;

/**
 * The look: one POSIX script, one exec, everything a pass needs to know. Ends with a header `end`; without it the look is
 * incomplete. A part that fails prints a header `failed`. Namespaces are read eight at a time.
 */
export const lookScript = ({
  fleet,
  nonce,
  draining,
  drainingMacs = [],
  freeFenceOf,
  keepFence,
}: LookRequest): string => `
export LC_ALL=C
umask 077
d=$(mktemp -d /run/evenkeel-look.XXXXXXXX) || exit 1
trap 'rm -rf "$d"' EXIT
N=${nonce}
cat > "$d/part" <<'PART'
h() { printf '\\n#>%s %s\\n' "$N" "$*"; }
must() { "$@" || h failed "$*"; }
PART
cat > "$d/own" <<'BATCH'
addr
route show table main
neigh show nud permanent
BATCH
cat > "$d/namespace" <<'NAMESPACE'
N=$1; name=$2; d=$3; . "$d/part"
h ip; must ip -j -d -batch "$d/own"
h forwarding; must bridge -j fdb
h ipv4; must iptables-save
h ipv6; must ip6tables-save
h bridge; must ebtables-nft-save
h sysctls; cd /proc/sys/net; set -- ipv4/ip_forward bridge/bridge-nf-call-*
for c in all default; do
  set -- "$@" ipv6/conf/$c/disable_ipv6
  for k in arp_announce arp_ignore arp_notify accept_redirects accept_source_route promote_secondaries rp_filter send_redirects; do
    set -- "$@" ipv4/conf/$c/$k
  done
done
grep -sH . "$@"
case " $DRAINING " in *" $name "*) h connections; must conntrack -L > "$d/c.$name" 2>/dev/null; awk '
  # Whom nobody has answered yet, and the balancer did not send: a probe of our own, of a replica that is not up yet.
  { state = $1 == "tcp" ? $4 : "-"; n = 0; to = ""
    for (i = 1; i <= NF; i++) {
      if ($i ~ /^dst=/ && to == "") to = substr($i, 5)
      if ($i ~ /^src=/ && ++n == 2 && !(state == "SYN_SENT" && substr($i, 5) == to)) count[$1 " " state " " substr($i, 5)]++
    } }
  END { for (entry in count) print entry, count[entry] }' "$d/c.$name";; esac
NAMESPACE
DRAINING='${draining.join(" ")}'; export DRAINING
. "$d/part"${domains(fleet)}
domains > "$d/domains" &
h boot; cat /proc/sys/kernel/random/boot_id
h fence
F=${fleetDirectory(fleet)}/fence
if [ -e "$F" ]; then
  read -r epoch state at ledger holder manifests serial < "$F"
  ${freeFenceOf === undefined ? ":" : `[ "$ledger" = '${freeFenceOf}' ] && [ "$state" = held ] && printf '%s free %s %s %s %s %s\\n' "$epoch" "$at" "$ledger" "$holder" "$manifests" "$serial" > "$F.$$" && mv "$F.$$" "$F" && state=free`}
  echo "$epoch $state $(($(date +%s) - at)) $ledger $holder $manifests $serial"
fi${keepFence === undefined ? "" : renewal(fleet, keepFence)}
h ip; must ip -j -d -batch "$d/own"
h forwarding; must bridge -j fdb
h ipv4; must iptables-save
h sysctls; (cd /proc/sys/net && grep -sH . bridge/bridge-nf-call-iptables)
set -- /run/netns/*; [ -e "$1" ] || set --
# A file left by an "ip netns add" that was cut off is no namespace, and must not keep us from seeing the others.
[ $# = 0 ] || stat -f -c '%T %n' "$@" > "$d/kinds"
set --; [ ! -e "$d/kinds" ] || while read -r kind f; do [ "$kind" != nsfs ] || set -- "$@" "$f"; done < "$d/kinds"
i=0
for f; do
  n=\${f##*/}
  { nsenter --net="$f" sh "$d/namespace" "$N" "$n" "$d" || h failed "$n"; } > "$d/o.$n" 2>&1 &
  i=$((i + 1)); [ $((i % 8)) = 0 ] && wait
done
wait
for f; do n=\${f##*/}; h namespace "$n"; cat "$d/o.$n"; done
h domains
cat "$d/domains"
h docker; ${dockerPresence}
h sandboxes
${runningContainers()} > "$d/pids"
cat "$d/pids"
h interfaces
set --; while read -r p _; do for n in eth0 eth1; do set -- "$@" "/proc/$p/root/sys/class/net/$n/mtu" \
  "/proc/$p/root/sys/class/net/$n/address"; done; set -- "$@" "/proc/$p/net/route"; done < "$d/pids"
[ $# = 0 ] || grep -sH . "$@"
set --; while read -r p _; do set -- "$@" "/proc/$p/net/fib_trie"; done < "$d/pids"
[ $# = 0 ] || grep -sH -B1 '/32 host LOCAL' "$@"
h sockets
set --; [ -z '${drainingMacs.join(" ")}' ] || while read -r p _; do
  read -r m 2>/dev/null < "/proc/$p/root/sys/class/net/eth0/address" || continue
  case ' ${drainingMacs.join(" ")} ' in *" $m "*) set -- "$@" "/proc/$p/net/tcp" "/proc/$p/net/tcp6";; esac
done < "$d/pids"
[ $# = 0 ] || grep -sH . "$@" | awk '
  { sub(/:/, " "); split($1, path, "/"); split($3, local, ":"); read[path[3]]
    if ($5 == "0A" || $5 == "01" || $5 == "08") count[path[3] " " $5 " " local[2]]++ }
  END { for (pid in read) print pid; for (entry in count) print entry, count[entry] }'
h resolvers
${resolversScript(fleet)}
h collectors
${collectorsScript(fleet)}
h end
`;

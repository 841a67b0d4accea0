# shellcheck shell=bash
# Hosts that are only a network namespace, and the cables between all hosts.
# The switch is a namespace with two bridges: `underlay` (ports ul-HOST) and `edge` (ports ed-HOST).
HYPERVISORS=(hv1 hv2)
NEIGHBOURHOOD=(switch router ctl client neighbour)
declare -A UNDERLAY=([ctl]=198.18.0.1 [hv1]=198.18.0.11 [hv2]=198.18.0.12)
declare -A EDGE=([router]=198.18.100.1 [hv1]=198.18.100.2 [hv2]=198.18.100.3 [neighbour]=198.18.100.50)
CLIENT=198.18.200.50 CLIENT_GATEWAY=198.18.200.1

in_ns() { nsenter --net="/run/netns/$LAB-$1" "${@:2}"; }

has_link() { ip -n "$LAB-$1" link show "$2" &>/dev/null; }

make_ns() {
  has_link "$1" lo && return
  ip netns del "$LAB-$1" 2>/dev/null || true # a name whose namespace is lost
  ip netns add "$LAB-$1"
  ip -n "$LAB-$1" link set lo up
}

# The setting is there once br_netfilter is loaded.
bridge_nf_call() {
  # shellcheck disable=SC2016
  in_ns "$1" sh -c 'f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo "$1" >$f' sh "$2"
}

make_switch() {
  local bridge
  for bridge in underlay edge; do
    has_link switch "$bridge" || ip -n "$LAB-switch" link add "$bridge" type bridge stp_state 0 mcast_snooping 0
    ip -n "$LAB-switch" link set "$bridge" up
  done
  # A switch does not send what it forwards through iptables.
  bridge_nf_call switch 0
}

# A NIC keeps its MAC address over a reboot, or the others' ARP entries would point nowhere.
mac_of() {
  local a b c d
  IFS=. read -r a b c d <<<"$1"
  printf '02:ee:%02x:%02x:%02x:%02x' "$a" "$b" "$c" "$d"
}

# cable HOST NIC ADDRESS PEER_HOST PEER_NIC: one veth pair, made at once in both namespaces.
cable() {
  local host=$1 nic=$2 address=$3 peer=$4 peer_nic=$5
  if ! has_link "$host" "$nic" || ! has_link "$peer" "$peer_nic"; then
    ip -n "$LAB-$peer" link del "$peer_nic" 2>/dev/null || true
    ip -n "$LAB-$peer" link add "$peer_nic" type veth peer name "$nic" address "$(mac_of "$address")" netns "$LAB-$host"
  fi
  ip -n "$LAB-$peer" link set "$peer_nic" up
  ip -n "$LAB-$host" link set "$nic" up
}

# plug HOST NIC ADDRESS BRIDGE PORT: a cable to the switch.
plug() {
  cable "$1" "$2" "$3" switch "$5"
  ip -n "$LAB-switch" link set "$5" master "$4"
}

give_address() { ip -n "$LAB-$1" addr replace "$3/24" dev "$2"; }

route_by() { ip -n "$LAB-$1" route replace default via "$2"; }

connect_hypervisor() {
  local hv=$1 address=${EDGE[$1]}
  plug "$hv" eth0 "${UNDERLAY[$hv]}" underlay "ul-$hv"
  give_address "$hv" eth0 "${UNDERLAY[$hv]}"
  if [[ $UPLINK == bridge ]]; then
    plug "$hv" edge-nic "$address" edge "ed-$hv"
    has_link "$hv" edge || ip -n "$LAB-$hv" link add edge address "$(mac_of "$address")" type bridge stp_state 0
    ip -n "$LAB-$hv" link set edge-nic master edge
    ip -n "$LAB-$hv" link set edge up
    bridge_nf_call "$hv" 1 # as Docker's br_netfilter has it
  else
    plug "$hv" edge "$address" edge "ed-$hv"
  fi
  give_address "$hv" edge "$address"
  route_by "$hv" "${EDGE[router]}"
}

make_network() {
  local host
  for host in "${NEIGHBOURHOOD[@]}" "${HYPERVISORS[@]}"; do make_ns "$host"; done
  make_switch
  plug ctl eth0 "${UNDERLAY[ctl]}" underlay ul-ctl
  give_address ctl eth0 "${UNDERLAY[ctl]}"
  for host in router neighbour; do
    plug "$host" edge "${EDGE[$host]}" edge "ed-$host"
    give_address "$host" edge "${EDGE[$host]}"
  done
  route_by neighbour "${EDGE[router]}"
  cable client eth0 "$CLIENT" router client
  give_address client eth0 "$CLIENT"
  give_address router client "$CLIENT_GATEWAY"
  route_by client "$CLIENT_GATEWAY"
  in_ns router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  for host in "${HYPERVISORS[@]}"; do connect_hypervisor "$host"; done
}

# The processes in a namespace of the lab, without this command's own line of parents: `down` may well
# be called by a program that runs on ctl.
strangers_in() {
  local pid=$BASHPID mine=" "
  while ((pid > 1)); do
    mine+="$pid "
    pid=$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")
  done
  for pid in $(ip netns pids "$LAB-$1" 2>/dev/null); do
    [[ $mine == *" $pid "* ]] || echo "$pid"
  done
}

remove_ns() {
  [[ -e /run/netns/$LAB-$1 ]] || return 0
  local pid
  for pid in $(strangers_in "$1"); do kill -9 "$pid" 2>/dev/null || true; done
  ip netns del "$LAB-$1"
}

remove_network() {
  local host
  for host in "${NEIGHBOURHOOD[@]}"; do remove_ns "$host"; done
  # `ip netns add` mounts this directory on itself; after the last namespace nothing needs it.
  if mountpoint -q /run/netns && [[ -z $(ls -A /run/netns) ]]; then umount /run/netns && rmdir /run/netns; fi
}

# run_in HOST -- CMD…
run_in() {
  local host=${1-}
  [[ ${2-} == -- && $# -gt 2 ]] || die "usage: hack/lab exec HOST -- CMD…"
  shift 2
  [[ " ${HYPERVISORS[*]} " != *" $host "* ]] || enter "$host" "$@"
  [[ " ${NEIGHBOURHOOD[*]} " == *" $host "* ]] || die "no host '$host': there are ${NEIGHBOURHOOD[*]} ${HYPERVISORS[*]}"
  # Not `ip netns exec`: that would hide the cgroups by a /sys of its own.
  exec nsenter --net="/run/netns/$LAB-$host" "$@"
}

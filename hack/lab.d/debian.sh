# shellcheck shell=bash
# An ordinary Debian 12 as one more hypervisor, `debian`, in a virtual machine: a kernel, a systemd and a unified cgroup
# tree of its own, unlike hv1 and hv2. It has the packages that evenkeel asks of a hypervisor, as Debian configures them.
UNDERLAY+=([debian]=198.18.0.13)
EDGE+=([debian]=198.18.100.4)
# shellcheck source-path=SCRIPTDIR source=debian/image.sh
. "$PARTS/debian/image.sh"

debian_dir() {
  local digest
  digest=$( (dpkg-query -W busybox-static; cat "$PARTS"/debian/*) 2>&1 | sha256sum)
  echo "$CACHE/debian-${digest:0:16}"
}

# A lock of its own: the build is long, and other labs need not wait for it.
need_debian() (
  exec 9<&- 8>"$CACHE/debian.lock"
  flock 8
  [[ -d $1 ]] || build_debian "$1" >&2 8>&-
)

debian_nic() { # LINK ADDRESS
  echo "-netdev tap,id=$1,ifname=$1-debian,script=no,downscript=no -device virtio-net-pci,netdev=$1,romfile=,mac=$(mac_of "$2")"
}

# It runs in the switch, so that it ends with it; and before others, because evenkeel waits 5 s for a Docker and no longer.
start_debian() {
  local image state=$LAB_STATE/debian
  image=$(debian_dir)
  [[ ! -e $state ]] || die "there is one already: its console is $state/console"
  need_debian "$image"
  mkdir "$state"
  qemu-img create -q -f qcow2 -b "$image/disk" -F raw "$state/disk.qcow2"
  install -m 600 "$image/id_debian" "$LAB_STATE/keys/id_debian"
  make_ssh_config debian "$image/ssh_host_ed25519_key.pub"
  # shellcheck disable=SC2046
  in_ns switch setsid nice -n -5 qemu-system-x86_64 -M pc-i440fx-7.2 -cpu qemu64,+rdrand -accel tcg,tb-size=128 -smp 2 -m 1024 -nodefaults -display none \
    -kernel "$image/vmlinux" -initrd "$image/initrd" -append "$GUEST_ARGUMENTS systemd.show_status=true" \
    -drive "if=virtio,cache=unsafe,file=$state/disk.qcow2" -serial "file:$state/console" -pidfile "$state/pid" \
    $(debian_nic ul "${UNDERLAY[debian]}") $(debian_nic ed "${EDGE[debian]}") </dev/null >"$state/qemu.log" 2>&1 9<&- &
  for _ in {1..250}; do has_link switch ed-debian && break; sleep .02; done
  ip -n "$LAB-switch" link set ul-debian master underlay up
  ip -n "$LAB-switch" link set ed-debian master edge up
  jq -n --arg address "${UNDERLAY[debian]}" --arg edge "${EDGE[debian]}" --arg console "$state/console" \
    --arg key "$(ssh-keygen -lf "$image/ssh_host_ed25519_key.pub" | cut -d' ' -f2)" \
    --arg ssh "$LAB_STATE/keys/ssh_config_debian" \
    '{name: "debian", address: $address, edge: $edge, hostKey: $key, sshConfig: $ssh, console: $console}'
}

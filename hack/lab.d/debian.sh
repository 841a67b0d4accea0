# shellcheck shell=bash
# An ordinary Debian 12 as one more hypervisor, `debian`, in a virtual machine: a kernel, a systemd and a unified cgroup
# tree of its own, unlike hv1 and hv2. It has the packages that evenkeel asks of a hypervisor, as Debian configures them.
UNDERLAY[debian]=198.18.0.13
EDGE[debian]=198.18.100.4
DEBIAN_PACKAGES=systemd-sysv,udev,dbus,kmod,procps,openssh-server,docker.io,iptables,conntrack,iproute2,iputils-ping,curl
DEBIAN_MODULES=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk)

debian_dir() {
  local digest
  digest=$( (dpkg-query -W busybox-static; cat "$PARTS"/debian.sh "$PARTS"/debian/*) 2>&1 | sha256sum)
  echo "$CACHE/debian-${digest:0:16}"
}

# The Debian archives that this machine itself installs from.
debian_sources() {
  apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | grep bookworm
}

# network_file ROOT LINK ADDRESS LINE: an interface by its MAC address, as systemd-networkd and udev have it.
network_file() {
  local mac address=$3
  mac=$(mac_of "$address")
  printf '[Match]\nMACAddress=%s\n[Link]\nName=%s\n' "$mac" "$2" >"$1/etc/systemd/network/10-$2.link"
  printf '[Match]\nMACAddress=%s\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\n%s\n' "$mac" "$address" "$4" >"$1/etc/systemd/network/10-$2.network"
}

build_debian() {
  local dir=$1 work root
  echo 'hack/lab: building a Debian 12; this takes a minute or two' >&2
  rm -rf "$CACHE"/debian-build.* # of a build cut short: there is one at a time
  work=$(mktemp -d "$CACHE/debian-build.XXXXXX")
  root=$work/root
  debian_sources >"$work/sources"
  [[ -s $work/sources ]] || { apt update && debian_sources >"$work/sources"; }
  mmdebstrap --quiet --variant=minbase --include="$DEBIAN_PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$root" - <"$work/sources" >&2
  rm -f "$root"/etc/apt/sources.list
  unpack_kernel "$work"
  cp -a "$work"/lib/modules "$root/lib/"
  chroot "$root" depmod "$(ls "$root/lib/modules")"

  echo debian >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 debian\n' >"$root/etc/hosts"
  : >"$root/etc/resolv.conf"
  echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
  network_file "$root" eth0 "${UNDERLAY[debian]}" ""
  network_file "$root" edge "${EDGE[debian]}" "Gateway=${EDGE[router]}"
  ln -s /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
  rm -f "$root"/etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C debian -f "$root/etc/ssh/ssh_host_ed25519_key"
  ssh-keygen -q -t ed25519 -N '' -C evenkeel@ctl -f "$work/id_debian"
  install -D -m 600 "$work/id_debian.pub" "$root/root/.ssh/authorized_keys"

  mkdir -p "$work/images" "$work/initrd"/{bin,dev,modules,root}
  unpack_elf "$work/vmlinuz" "$work/images/vmlinux"
  cp -L "$(command -v busybox)" "$work/initrd/bin/busybox"
  install -m 755 "$PARTS/debian/initrd-init" "$work/initrd/init"
  local module
  for module in "${DEBIAN_MODULES[@]}"; do find "$root/lib/modules" -name "$module.ko" -exec cp -t "$work/initrd/modules" {} +; done
  (cd "$work/initrd" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$work/images/initrd"
  mke2fs -q -t ext4 -d "$root" "$work/images/disk" 3G
  cp "$work/id_debian" "$root/etc/ssh/ssh_host_ed25519_key.pub" "$work/images"
  mv "$work/images" "$dir" # last: with this name it is complete
  rm -rf "$work"
}

# A lock of its own: the build is long, and other labs need not wait for it.
need_debian() (
  exec 9<&- 8>"$CACHE/debian.lock"
  flock 8
  [[ -d $1 ]] || build_debian "$1" 8>&-
)

debian_nic() { # LINK ADDRESS
  echo "-netdev tap,id=$1,ifname=$1-debian,script=no,downscript=no -device virtio-net-pci,netdev=$1,romfile=,mac=$(mac_of "$2")"
}

# It runs in the switch, so that it ends with it.
start_debian() {
  local image state=$LAB_STATE/debian
  image=$(debian_dir)
  need_debian "$image"
  mkdir -p "$state"
  qemu-img create -q -f qcow2 -b "$image/disk" -F raw "$state/disk.qcow2"
  install -m 600 "$image/id_debian" "$LAB_STATE/keys/id_debian"
  # shellcheck disable=SC2046
  in_ns switch setsid qemu-system-x86_64 -M pc-i440fx-7.2 -cpu qemu64,+rdrand -accel tcg,tb-size=128 -smp "${SMP:-2}" -m 1024 -nodefaults -display none \
    -kernel "$image/vmlinux" -initrd "$image/initrd" -append "$GUEST_ARGUMENTS" \
    -drive "if=virtio,cache=unsafe,file=$state/disk.qcow2" -serial "file:$state/console" -pidfile "$state/pid" \
    $(debian_nic ul "${UNDERLAY[debian]}") $(debian_nic ed "${EDGE[debian]}") </dev/null >"$state/qemu.log" 2>&1 9<&- &
  for _ in {1..250}; do has_link switch ed-debian && break; sleep .02; done
  ip -n "$LAB-switch" link set ul-debian master underlay up
  ip -n "$LAB-switch" link set ed-debian master edge up
  jq -n --arg address "${UNDERLAY[debian]}" --arg edge "${EDGE[debian]}" --arg console "$state/console" \
    --arg key "$(ssh-keygen -lf "$image/ssh_host_ed25519_key.pub" | cut -d' ' -f2)" \
    '{name: "debian", address: $address, edge: $edge, hostKey: $key, identityFile: "id_debian", console: $console}'
}

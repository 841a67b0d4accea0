# shellcheck shell=bash
# The disk of the Debian, its kernel, and the keys that open it: once for all labs.
DEBIAN_PACKAGES=systemd-sysv,udev,dbus,apparmor,kmod,procps,openssh-server,docker.io,iptables,conntrack,iproute2,dnsmasq-base,iputils-ping,curl
DEBIAN_MODULES=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk)

# The archives of Debian 12 that this machine itself installs from.
debian_sources() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | grep ' bookworm'
}

# network_file ROOT LINK ADDRESS LINE: an interface by its MAC address, as systemd-networkd and udev have it.
network_file() {
  local mac address=$3
  mac=$(mac_of "$address")
  printf '[Match]\nMACAddress=%s\n[Link]\nName=%s\n' "$mac" "$2" >"$1/etc/systemd/network/10-$2.link"
  printf '[Match]\nMACAddress=%s\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\n%s\n' "$mac" "$address" "$4" >"$1/etc/systemd/network/10-$2.network"
}

# What an administrator would set: name, addresses, keys, a kernel's modules.
configure_debian() {
  local root=$1 work=$2
  rm -f "$root/etc/apt/sources.list"
  echo debian >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 debian\n' >"$root/etc/hosts"
  : >"$root/etc/resolv.conf"
  echo '/dev/vda / ext4 defaults 0 0' >"$root/etc/fstab"
  mkdir -p "$root/etc/systemd/system.conf.d" # emulated, on a busy machine: nothing is late
  printf '[Manager]\nDefaultTimeoutStartSec=10min\n' >"$root/etc/systemd/system.conf.d/patience.conf"
  network_file "$root" eth0 "${UNDERLAY[debian]}" ''
  network_file "$root" edge "${EDGE[debian]}" "Gateway=${EDGE[router]}"
  ln -s /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
  rm -f "$root"/etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C debian -f "$root/etc/ssh/ssh_host_ed25519_key"
  ssh-keygen -q -t ed25519 -N '' -C evenkeel@ctl -f "$work/id_debian"
  install -D -m 600 "$work/id_debian.pub" "$root/root/.ssh/authorized_keys"
  cp -a "$work/lib/modules" "$root/lib/"
  chroot "$root" depmod "$(ls "$root/lib/modules")"
}

build_debian_initrd() {
  local work=$1 root=$1/initrd module
  mkdir -p "$root"/{bin,dev,modules,root}
  cp -L "$(command -v busybox)" "$root/bin/busybox"
  install -m 755 "$PARTS/debian/initrd-init" "$root/init"
  for module in "${DEBIAN_MODULES[@]}"; do find "$work/lib/modules" -name "$module.ko" -exec cp -t "$root/modules" {} +; done
  (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet)
}

build_debian() {
  local dir=$1 work
  echo 'hack/lab: building a Debian 12; this takes a minute or two'
  rm -rf "$CACHE"/debian-build.* # of a build cut short: there is one at a time
  work=$(mktemp -d "$CACHE/debian-build.XXXXXX")
  mkdir "$work/images"
  debian_sources >"$work/sources" || { apt update && debian_sources >"$work/sources"; } ||
    die 'apt knows no archive of Debian 12 (bookworm)'
  mmdebstrap --quiet --variant=minbase --include="$DEBIAN_PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$work/root" - <"$work/sources"
  unpack_kernel "$work"
  configure_debian "$work/root" "$work"
  build_debian_initrd "$work" >"$work/images/initrd"
  unpack_elf "$work/vmlinuz" "$work/images/vmlinux"
  mke2fs -q -t ext4 -d "$work/root" "$work/images/disk" 3G
  cp "$work/id_debian" "$work/root/etc/ssh/ssh_host_ed25519_key.pub" "$work/images"
  mv "$work/images" "$dir" # last: with this name it is complete
  rm -rf "$work"
}

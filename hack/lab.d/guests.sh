# shellcheck shell=bash
# Images for virtual machines, out of Debian's packages. In a guest runs what runs in the container evenkeel/web:
# guest/init brings up the interfaces, then server.pl answers.
#   web-vmlinux, web-initrd    for a direct boot: Debian's cloud kernel, and an initramfs that is the whole system
#   web.qcow2, web2.qcow2      the same on a disk that a BIOS boots; they differ by the version they tell
#   broken.qcow2               an empty disk: never boots
# They are built once for all labs. Each hypervisor sees them in /srv/images, which it cannot write.
GUESTS=(web-vmlinux web-initrd web.qcow2 web2.qcow2 broken.qcow2)

# In the order of their dependencies: those of every guest, those that find a seed, those of the power button.
GUEST_MODULES=(failover net_failover virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_net
  virtio_blk scsi_common scsi_mod libata ata_piix cdrom sr_mod isofs
  evdev button)

# What makes QEMU's emulation boot fast; the rest of the command line says who the guest is.
GUEST_ARGUMENTS="console=ttyS0 quiet panic=-1 nokaslr mitigations=off tsc=reliable no_timer_check lpj=4000000 \
8250.nr_uarts=1 cryptomgr.notests random.trust_cpu=on"

# Not by the kernel's version: what is built stays good when Debian has a newer one.
guests_dir() {
  local digest
  digest=$( (dpkg-query -W perl-base libc6 busybox-static syslinux
    cat "$PARTS"/{server.pl,guests.sh,images.sh} "$PARTS"/guest/*) 2>&1 | sha256sum)
  echo "$CACHE/guests-${digest:0:16}"
}

# The kernel's package is taken apart, never installed.
unpack_kernel() (
  cd "$1"
  kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}')
  [[ -n $kernel ]] || { apt update; kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ {print $2; exit}'); }
  apt -o APT::Sandbox::User=root download "$kernel" || { apt update && apt -o APT::Sandbox::User=root download "$kernel"; }
  dpkg-deb -x linux-image-*.deb .
  mv boot/vmlinuz-* vmlinuz
)

# QEMU starts an ELF kernel without the second that it takes to unpack itself.
unpack_elf() {
  local offset
  offset=$(LC_ALL=C grep -abo -m1 -P '\x02\x21\x4c\x18' "$1" | head -1 | cut -d: -f1)
  tail -c +$((offset + 1)) "$1" | lz4 -dcq 2>/dev/null >"$2" || [[ -s $2 ]] # what follows the kernel is no LZ4
}

# Perl and those of its modules that server.pl has loaded: the whole of perl-base would need more memory than a guest has.
perl_files() {
  command -v perl
  # shellcheck disable=SC2016
  { echo 'CHECK { print "$_\n" for values %INC, @DynaLoader::dl_shared_objects }' && cat "$PARTS/server.pl"; } | perl -c 2>/dev/null
}

build_initramfs() {
  local work=$1 root=$1/root module applet files
  mkdir -p "$root"/{bin,dev,etc,lib/modules,acpi/PWRF,proc,root,run,seed,sys,tmp}
  mapfile -t files < <(perl_files)
  with_libraries "$(command -v busybox)" "${files[@]}" | sort -u | xargs cp -L --parents -t "$root"
  for applet in $(busybox --list); do
    [[ -e $root/bin/$applet ]] || ln -s "$(command -v busybox)" "$root/bin/$applet"
  done
  install -m 755 "$PARTS/server.pl" "$PARTS"/guest/{init,dhcp-script} "$root/"
  printf '#!/bin/sh\nexec sh /run/power-button\n' >"$root/acpi/PWRF/00000080"
  chmod 755 "$root/acpi/PWRF/00000080"
  for module in "${GUEST_MODULES[@]}"; do find "$work/lib/modules" -name "$module.ko" -exec cp -t "$root/lib/modules" {} +; done
  (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet)
}

# A disk without partitions: a FAT file system whose first sector is the boot loader.
build_disk() {
  local work=$1 version=$2 file=$3 raw=$1/disk
  rm -f "$raw"
  truncate -s 32M "$raw"
  mformat -i "$raw" -T 65536 -h 64 -s 32 -v EVENKEEL ::
  syslinux --install "$raw"
  printf 'DEFAULT web\nLABEL web\nLINUX vmlinuz\nINITRD initrd\nAPPEND %s evenkeel.version=%s\n' \
    "$GUEST_ARGUMENTS" "$version" >"$work/syslinux.cfg"
  mcopy -i "$raw" "$work/vmlinuz" "$work/initrd" "$work/syslinux.cfg" ::
  qemu-img convert -q -O qcow2 "$raw" "$file"
}

build_guests() {
  local dir=$1 work
  echo 'hack/lab: building the images of the guests' >&2
  rm -rf "$CACHE"/guests-build.* # of a build cut short: there is one at a time
  work=$(mktemp -d "$CACHE/guests-build.XXXXXX")
  mkdir "$work/images"
  unpack_kernel "$work"
  unpack_elf "$work/vmlinuz" "$work/images/web-vmlinux"
  build_initramfs "$work" >"$work/images/web-initrd"
  lz4 -lq9 "$work/images/web-initrd" "$work/initrd"
  build_disk "$work" 1 "$work/images/web.qcow2"
  build_disk "$work" 2 "$work/images/web2.qcow2"
  qemu-img create -q -f qcow2 "$work/images/broken.qcow2" 8M
  (cd "$work/images" && sha256sum "${GUESTS[@]}" >SHA256SUMS)
  chmod 444 "$work/images"/*
  mv "$work/images" "$dir" # last: with this name it is complete
  rm -rf "$work"
}

load_guests() {
  local dir
  dir=$(guests_dir)
  [[ -d $dir ]] || build_guests "$dir"
  cmp -s "$dir/SHA256SUMS" "$LAB_STATE/images/SHA256SUMS" && return
  cp -lf "$dir"/* "$LAB_STATE/images" 2>/dev/null || cp -f "$dir"/* "$LAB_STATE/images"
}

guests_json() {
  jq -Rn '[inputs | split("  ") | {(.[1]): .[0]}] | add // {}' <"$LAB_STATE/images/SHA256SUMS" 2>/dev/null || echo '{}'
}

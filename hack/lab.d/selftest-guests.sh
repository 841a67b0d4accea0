# shellcheck shell=bash
# Checks of the virtual machines; sourced by selftest. A guest stands as evenkeel's replicas do: created paused, its
# taps moved into a namespace and put on bridges there, then let go.
GUEST_GATEWAY=198.18.101.1

guest_interface() {
  echo "<interface type='ethernet'><mac address='$1'/><target dev='$2'/><model type='virtio'/><rom enabled='no'/></interface>"
}

# guest_xml NAME OS_XML DEVICES_XML
guest_xml() {
  cat <<XML
<domain type='qemu'>
  <name>$1</name><memory unit='MiB'>96</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>$2</os>
  <features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='allow'>qemu64</model></cpu>
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <devices>
    ${3-}
    $(guest_interface "52:54:00:00:00:${1#g}1" "${1}a")
    $(guest_interface "52:54:00:00:00:${1#g}2" "${1}b")
    <serial type='file'><source path='/var/log/libvirt/qemu/$1.console'/><target type='isa-serial' port='0'/></serial>
    <controller type='usb' model='none'/><memballoon model='none'/>
  </devices>
</domain>
XML
}

# guest_starts NAME OS_XML DEVICES_XML: on hv1, in the namespace `guests`.
guest_starts() {
  guest_xml "$@" | lab enter hv1 virsh -q create --paused /dev/stdin
  lab enter hv1 sh -e -s "$1" "$GUEST_GATEWAY" <<'SH'
if ! [ -e /run/netns/guests ]; then
  ip netns add guests
  for side in a b; do ip -n guests link add name "br-$side" type bridge; ip -n guests link set "br-$side" up; done
  ip -n guests addr add "$2/24" dev br-a
  ip -n guests addr add 198.18.102.1/24 dev br-b
fi
for side in a b; do
  ip link set "$1$side" netns guests
  ip -n guests link set "$1$side" master "br-$side" up
done
virsh -q resume "$1"
SH
}

# guest_answers ADDRESS: what the guest says at `/`, once it does.
guest_answers() {
  # shellcheck disable=SC2016
  lab enter hv1 ip netns exec guests sh -c '
    for try in $(seq 300); do curl -sf -m 2 "http://$1:8080/" && exit 0; sleep .1; done
    tail -5 /var/log/libvirt/qemu/*.console; exit 1' sh "$1" | jq -r '.hostname, .version, .replica' | paste -sd' '
}

libvirt_answers() {
  local hv
  for hv in hv1 hv2; do is "$(ssh_to "$hv" 'virsh -q hostname; virsh -q list --all' )" "$hv"; done
}

images_are_whole() {
  local hv
  for hv in hv1 hv2; do lab enter "$hv" sh -c 'cd /srv/images && sha256sum --check --quiet SHA256SUMS && ! touch new'; done
  is "$(lab status --json | jq -r '.images["web.qcow2"]')" "$(lab enter hv1 sha256sum /srv/images/web.qcow2 | cut -d' ' -f1)"
}

kernel_guest_boots() {
  guest_starts g1 "<kernel>/srv/images/web-vmlinux</kernel><initrd>/srv/images/web-initrd</initrd>
    <cmdline>$GUEST_ARGUMENTS evenkeel.version=7 ip=198.18.101.51::$GUEST_GATEWAY:255.255.255.0:web-1:eth0:none ip=198.18.102.51:::255.255.255.0::eth1:none</cmdline>"
  is "$(guest_answers 198.18.101.51)" "web-1 7 198.18.101.51"
  is "$(guest_answers 198.18.102.51)" "web-1 7 198.18.102.51"
}

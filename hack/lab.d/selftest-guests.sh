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

guest_disk() {
  lab enter hv1 qemu-img create -q -f qcow2 -b "/srv/images/$2" -F qcow2 "/var/lib/evenkeel/$1.qcow2"
  echo "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/>
    <source file='/var/lib/evenkeel/$1.qcow2'/><target dev='vda' bus='virtio'/></disk>"
}

in_guests() { lab enter hv1 ip netns exec guests "$@"; }

guest_is_gone() {
  lab enter hv1 sh -c 'for try in $(seq 300); do virsh -q domstate "$1" 2>/dev/null || exit 0; sleep .1; done; exit 1' sh "$1"
}

kernel_guest_boots() {
  guest_starts g1 "<kernel>/srv/images/web-vmlinux</kernel><initrd>/srv/images/web-initrd</initrd>
    <cmdline>$GUEST_ARGUMENTS evenkeel.version=7 ip=198.18.101.51::$GUEST_GATEWAY:255.255.255.0:web-1:eth0:none ip=198.18.102.51:::255.255.255.0::eth1:none</cmdline>"
  is "$(guest_answers 198.18.101.51)" "web-1 7 198.18.101.51"
  is "$(guest_answers 198.18.102.51)" "web-1 7 198.18.102.51"
}

disk_guest_reads_its_seed() {
  lab enter hv1 sh -e -s "$GUEST_GATEWAY" <<'SH'
mkdir -p /tmp/seed && cd /tmp/seed
printf 'instance-id: g2\nlocal-hostname: web-2\n' >meta-data
cat >network-config <<YAML
version: 2
ethernets:
  eth0:
    match: {macaddress: "52:54:00:00:00:22"}
    addresses: [198.18.102.52/24]
  eth1:
    match:
      macaddress: 52:54:00:00:00:21
    addresses:
      - 198.18.101.52/24
    routes:
      - to: default
        via: $1
YAML
genisoimage -quiet -V cidata -J -r -o /var/lib/evenkeel/g2.iso .
SH
  guest_starts g2 "" "$(guest_disk g2 web.qcow2)<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
    <source file='/var/lib/evenkeel/g2.iso'/><target dev='hda' bus='ide'/><readonly/></disk>"
  is "$(guest_answers 198.18.101.52)" "web-2 1 198.18.101.52"
  is "$(guest_answers 198.18.102.52)" "web-2 1 198.18.102.52"
}

# Nobody answers at first: the guest keeps asking.
disk_guest_asks_by_dhcp() {
  guest_starts g3 "" "$(guest_disk g3 web2.qcow2)"
  lab enter hv1 sh -e -s "$GUEST_GATEWAY" <<'SH'
serve() { # INTERFACE ADDRESS OPTION…
  printf 'interface %s\nstart %s\nend %s\noption subnet 255.255.255.0\nlease_file /tmp/%s.leases\npidfile /tmp/%s.pid\n' "$1" "$2" "$2" "$1" "$1" >"/tmp/$1.conf"
  printf 'option %s\n' "$3" "$4" >>"/tmp/$1.conf"
  : >"/tmp/$1.leases"
  ip netns exec guests busybox udhcpd "/tmp/$1.conf"
}
for try in $(seq 300); do grep -qs . /var/log/libvirt/qemu/g3.console && break; sleep .1; done
serve br-a 198.18.101.53 'hostname web-3' "router $1"
serve br-b 198.18.102.53 'hostname web-3' 'lease 3600'
SH
  is "$(guest_answers 198.18.101.53)" "web-3 2 198.18.101.53"
  is "$(guest_answers 198.18.102.53)" "web-3 2 198.18.102.53"
}

broken_guest_never_boots() {
  guest_starts g4 "" "$(guest_disk g4 broken.qcow2)"
  is "$(lab enter hv1 virsh -q domstate g4)" running
  lab enter hv1 virsh -q destroy g4
  lab enter hv1 test ! -s /var/log/libvirt/qemu/g4.console # the kernel of web.qcow2 says something there
}

domains_are_the_hypervisors_own() {
  is "$(lab enter hv1 virsh -q list --all --name | sort | paste -sd' ')" "g1 g2 g3"
  is "$(lab enter hv2 virsh -q list --all --name)" ""
  guest_xml g1 "<kernel>/srv/images/web-vmlinux</kernel>" | lab enter hv2 virsh -q create --paused /dev/stdin
  lab enter hv2 virsh -q destroy g1
  is "$(lab enter hv1 virsh -q domstate g1)" running
}

guests_outlive_libvirtd() {
  local before
  before=$(lab enter hv1 virsh -q domid g1)
  # shellcheck disable=SC2016
  lab enter hv1 sh -c 'kill -9 $(cat /run/libvirtd.pid)'
  is "$(lab status --json | jq -c '[.up, .hypervisors[0].libvirt]')" '[false,false]'
  lab up
  is "$(lab enter hv1 virsh -q domid g1)" "$before"
  is "$(guest_answers 198.18.101.51)" "web-1 7 198.18.101.51"
}

# vcpu_sample DOMAIN: nanoseconds on a CPU, runnable without one, and of the clock.
vcpu_sample() { echo $(lab enter hv1 virsh -q domstats --raw --vcpu "$1" | sed -n 's/ *vcpu.0.\(time\|delay\)=//p') "$(date +%s%N)"; }

quota_is_steal() {
  local time1 delay1 clock1 time2 delay2 clock2
  lab enter hv1 virsh -q schedinfo g2 --live vcpu_period=100000 vcpu_quota=30000
  in_guests curl -s 'http://198.18.101.52:8080/burn?ms=2000' &
  in_guests curl -s 'http://198.18.101.52:8080/burn?ms=2000' &
  in_guests curl -s -o /dev/null http://198.18.101.52:8080/healthz # both are at it by now
  read -r time1 delay1 clock1 < <(vcpu_sample g2)
  sleep 2
  read -r time2 delay2 clock2 < <(vcpu_sample g2)
  lab enter hv1 virsh -q schedinfo g2 --live vcpu_quota=-1
  wait
  local time=$(((time2 - time1) * 100 / (clock2 - clock1))) delay=$(((delay2 - delay1) * 100 / (clock2 - clock1)))
  ((time <= 35 && delay >= 60)) || { echo "CPU $time %, steal $delay %"; return 1; }
}

shutdown_lets_requests_finish() {
  local answer
  answer=$(mktemp)
  in_guests curl -si 'http://198.18.101.51:8080/slow?ms=1500' >"$answer" &
  in_guests bash -c 'exec 3<>/dev/tcp/198.18.101.51/8080; cat <&3' & # idle: must not hold it up
  in_guests curl -s http://198.18.101.51:8080/healthz
  lab enter hv1 virsh -q shutdown g1
  guest_is_gone g1
  wait
  grep -q '^Connection: close' "$answer"
  grep -q '^web-1' "$answer"
  rm "$answer"
  lab enter hv1 grep -q 'the server ended with 0' /var/log/libvirt/qemu/g1.console
}

power_cut_takes_guests() {
  lab reboot hv1
  is "$(lab enter hv1 virsh -q list --all)" ""
  fails lab enter hv1 pidof qemu-system-x86_64
  lab enter hv1 test -s /var/lib/evenkeel/g2.qcow2
}

# shellcheck shell=bash
# The Debian packages that the lab needs, by the command that shows that one is there. (By command, not by
# package: a machine with docker-ce must not have it replaced by docker.io.)
NEEDED=(sshd:openssh-server ssh:openssh-client dockerd:docker.io docker:docker.io iptables:iptables
  conntrack:conntrack ip:iproute2 busybox:busybox-static tini:tini jq:jq curl:curl tcpdump:tcpdump
  ethtool:ethtool promtool:prometheus ping:iputils-ping perl:perl-base dnsmasq:dnsmasq-base
  qemu-system-x86_64:qemu-system-x86 libvirtd:libvirt-daemon virsh:libvirt-clients qemu-img:qemu-utils
  genisoimage:genisoimage cpio:cpio lz4:lz4 syslinux:syslinux mformat:mtools mmdebstrap:mmdebstrap
  'collectd:collectd-core libmicrohttpd12 libprotobuf-c1') # the two that its plugins are linked with

missing_packages() {
  local need
  for need in "${NEEDED[@]}"; do
    command -v "${need%%:*}" >/dev/null || tr ' ' '\n' <<<"${need#*:}"
  done | sort -u
}

# Runs a command while Debian's packages may not start their services on the machine.
without_services() (
  policy=/usr/sbin/policy-rc.d saved=/usr/sbin/policy-rc.d.before-evenkeel-lab
  restore() { rm -f "$policy" && if [[ -e $saved ]]; then mv "$saved" "$policy"; fi; }
  [[ ! -e $saved ]] || restore # an earlier run was killed
  [[ ! -e $policy ]] || mv "$policy" "$saved"
  trap restore EXIT
  printf '#!/bin/sh\n# hack/lab packages, for the time of one installation\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@"
)

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=180 "$@" >&2; }

install_packages() {
  local packages services=()
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]})) || return 0
  command -v apt-get >/dev/null || die "no apt-get here; install by hand: ${packages[*]}"
  echo "hack/lab: installing ${packages[*]}" >&2
  apt-cache show "${packages[@]}" &>/dev/null || apt update
  without_services apt install -y --no-remove --no-install-recommends "${packages[@]}" 9<&- ||
    { apt update && without_services apt install -y --no-remove --no-install-recommends "${packages[@]}" 9<&-; } ||
    die "apt-get could not install ${packages[*]}"
  # Nor at the machine's next boot.
  case " ${packages[*]} " in *" openssh-server "*) services+=(ssh.service) ;; esac
  case " ${packages[*]} " in *" docker.io "*) services+=(docker.service docker.socket containerd.service) ;; esac
  case " ${packages[*]} " in *" prometheus "*) services+=(prometheus.service) ;; esac
  case " ${packages[*]} " in *" collectd-core "*) services+=(collectd.service) ;; esac
  if ((${#services[@]})) && command -v systemctl >/dev/null; then systemctl disable --quiet "${services[@]}" || true; fi
}

# shellcheck shell=bash
# A hypervisor is a set of namespaces (net, mount, uts, ipc, pid, cgroup) around a pid 1 (hv-init), and a
# cgroup that gives it its own CPU share. The kernel's list of that cgroup is the record of what belongs to it.

# The machine's cgroup v1 hierarchies, as mounted.
cgroup_hierarchies() { awk '$3 == "cgroup" && $2 ~ "^/sys/fs/cgroup/" {print $2}' /proc/self/mounts; }

# The hypervisor's pid 1, as the machine sees it; nothing when it does not run.
pid_of() {
  local pid
  pid=$(cat "$LAB_STATE/$1/pid" 2>/dev/null) || return 0
  # Not a number used again since: a pid 1 of its own namespace, in this hypervisor's cgroup.
  if grep -qs ":/$LAB-$1\$" "/proc/$pid/cgroup" && grep -qsP '^NSpid:.*\t1$' "/proc/$pid/status"; then echo "$pid"; fi
}

is_running() { [[ -n $(pid_of "$1") ]]; }

make_keys() {
  local hv=$1 dir=$LAB_STATE/$1
  mkdir -p "$dir"/{docker,evenkeel,log/libvirt/qemu,ssh,libvirt/{etc,lib,cache},root/.ssh} "$LAB_STATE/keys"
  chmod 700 "$dir"/root{,/.ssh} "$LAB_STATE/keys"
  local host_key=$dir/ssh/ssh_host_ed25519_key key=$LAB_STATE/keys/id_$hv
  [[ -s $host_key ]] || ssh-keygen -q -t ed25519 -N '' -C "$hv" -f "$host_key"
  [[ -s $key ]] || ssh-keygen -q -t ed25519 -N '' -C "evenkeel@ctl" -f "$key"
  cp "$key.pub" "$dir/root/.ssh/authorized_keys"
  make_ssh_config "$hv" "$host_key.pub"
}

# make_ssh_config HOST HOST_KEY: how ctl logs in there.
make_ssh_config() {
  local hv=$1 key=$LAB_STATE/keys/id_$1
  echo "${UNDERLAY[$hv]} $(cut -d' ' -f1,2 "$2")" >"$LAB_STATE/keys/known_hosts_$hv"
  cat >"$LAB_STATE/keys/ssh_config_$hv" <<CONFIG
Host $hv
  HostName ${UNDERLAY[$hv]}
  User root
  IdentityFile $key
  IdentitiesOnly yes
  UserKnownHostsFile $LAB_STATE/keys/known_hosts_$hv
  StrictHostKeyChecking yes
CONFIG
}

make_cgroup() {
  local hierarchy f
  for hierarchy in $(cgroup_hierarchies); do
    mkdir -p "$hierarchy/$LAB-$1"
    [[ -e $hierarchy/cpuset.cpus ]] || continue
    for f in cpuset.cpus cpuset.mems; do cat "$hierarchy/$f" >"$hierarchy/$LAB-$1/$f"; done
    echo 1 >"$hierarchy/$LAB-$1/cgroup.clone_children" # else its children could not hold a process
  done
}

# Moves the calling (sub)shell: hence BASHPID, not $$.
join_cgroup() {
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do echo "$BASHPID" >"$hierarchy/$LAB-$1/cgroup.procs"; done
}

start_pid1() {
  local hv=$1 outer pid='' dir=$LAB_STATE/$1
  make_cgroup "$hv"
  (
    join_cgroup "$hv"
    exec setsid nsenter --net="/run/netns/$LAB-$hv" unshare -m -u -i -p -C -f --kill-child=KILL \
      sh "$PARTS/hv-init" "$hv" "$dir" </dev/null >"$dir/log/init.log" 2>&1 9<&-
  ) &
  outer=$!
  for _ in {1..250}; do
    pid=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null) && pid=${pid%% *}
    if [[ -n $pid && -e /proc/$pid/root/run/ready ]]; then
      echo "$pid" >"$dir/pid"
      return
    fi
    kill -0 "$outer" 2>/dev/null || break
    sleep .02
  done
  die "$hv does not boot: $(tail -3 "$dir/log/init.log")"
}

boot() {
  is_running "$1" || start_pid1 "$1"
  (enter "$1" sh -s "$1" "${UNDERLAY[$1]}" <"$PARTS/hv-daemons") || die "$1: see the logs in $LAB_STATE/$1/log"
}

# As by a login: inside every namespace of the hypervisor and its cgroup, with a clean environment.
enter() {
  local hv=$1 pid
  pid=$(pid_of "$hv")
  [[ -n $pid ]] || die "$hv does not run: hack/lab up"
  shift
  [[ $# -gt 0 ]] || set -- bash
  join_cgroup "$hv"
  exec nsenter -t "$pid" -m -u -i -n -p -C -r -w env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 9<&-
}

cgroup_pids() {
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do
    [[ ! -d $hierarchy/$LAB-$1 ]] || find "$hierarchy/$LAB-$1" -name cgroup.procs -exec cat {} + 2>/dev/null
  done | sort -u
}

cgroup_dirs() {
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do [[ ! -d $hierarchy/$LAB-$1 ]] || echo "$hierarchy/$LAB-$1"; done
}

# A power cut. With its pid 1 go all processes, mounts and namespaces of a hypervisor; the second look kills
# what stands outside its pid namespace (an `enter`, a boot cut short). A cgroup is busy until the last is reaped.
power_off() {
  local hv=$1 pid dir
  pid=$(pid_of "$hv")
  [[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true
  for _ in {1..500}; do
    [[ -n $(cgroup_dirs "$hv") ]] || break
    for dir in $(cgroup_dirs "$hv"); do find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
    for pid in $(cgroup_pids "$hv"); do [[ $pid == "$BASHPID" ]] || kill -9 "$pid" 2>/dev/null || true; done
    sleep .02
  done
  [[ -z $(cgroup_dirs "$hv") ]] || die "$hv does not end: $(cgroup_pids "$hv" | tr '\n' ' ')"
  ip -n "$LAB-switch" link del "ul-$hv" 2>/dev/null || true # at once; left alone they would go a moment later
  ip -n "$LAB-switch" link del "ed-$hv" 2>/dev/null || true
  remove_ns "$hv"
  rm -f "$LAB_STATE/$hv/pid"
}

# By its pid file and /proc, seen through the root directory of the hypervisor.
has_sshd() { [[ $(cat "$1/proc/$(cat "$1/run/sshd.pid" 2>/dev/null)/comm" 2>/dev/null) == sshd ]]; }

hypervisor_json() {
  local hv=$1 pid dir=$LAB_STATE/$1 sshd=false docker=false libvirt=false cut=false key=''
  pid=$(pid_of "$hv")
  if [[ -n $pid ]]; then
    has_sshd "/proc/$pid/root" && sshd=true
    (enter "$hv" curl -sf -m 2 --unix-socket /run/docker.sock -o /dev/null http://docker/_ping) && docker=true
    (enter "$hv" virsh -q uri &>/dev/null) && libvirt=true
    ip -n "$LAB-switch" link show up dev "ul-$hv" 2>/dev/null | grep -q . || cut=true
  fi
  [[ ! -e $dir/ssh/ssh_host_ed25519_key.pub ]] || key=$(ssh-keygen -lf "$dir/ssh/ssh_host_ed25519_key.pub" | cut -d' ' -f2)
  jq -n --arg name "$hv" --arg address "${UNDERLAY[$hv]}" --arg edge "${EDGE[$hv]}" --arg key "$key" --arg pid "$pid" \
    --arg dir "$dir" --arg keys "$LAB_STATE/keys" --arg cgroup "$LAB-$hv" \
    --argjson sshd "$sshd" --argjson docker "$docker" --argjson libvirt "$libvirt" --argjson cut "$cut" \
    '{name: $name, address: $address, edge: $edge, hostKey: (if $key == "" then null else $key end),
      privateKey: "\($keys)/id_\($name)", sshConfig: "\($keys)/ssh_config_\($name)", knownHosts: "\($keys)/known_hosts_\($name)",
      sshdLog: "\($dir)/log/sshd.log", dockerdLog: "\($dir)/log/dockerd.log", libvirtdLog: "\($dir)/log/libvirt/libvirtd.log", cgroup: $cgroup,
      pid: (if $pid == "" then null else ($pid | tonumber) end), sshd: $sshd, docker: $docker, libvirt: $libvirt, cut: $cut}'
}

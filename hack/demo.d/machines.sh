# shellcheck shell=bash
# A tenant with virtual machines beside containers: images carried to the standby, mended, scaled by steal.

main() {
  title "A lab: two hypervisors with libvirt and QEMU, which emulates every instruction"
  hack/lab up >"$work/lab.log"
  state=$(hack/lab status --json)
  keys=$(jq -r .state <<<"$state")/keys
  write_manifests
  give t2
  rm "$tree/tenants/t2/batch.yaml"
  for hv in hv1 hv2; do sed -i 's/^  underlay:/  runtimes: [docker, libvirt]\n  libvirt: {domainType: qemu}\n&/' "$tree/provider/$hv.yaml"; done
  write_machines 2 1
  jq -r '.hypervisors[] | "  \(.name)  \(.address)  sshd, libvirtd, QEMU, Docker Engine of its own"' <<<"$state"
  hack/lab enter hv1 sh -c 'mkdir -p /var/lib/evenkeel/campus/images; cp --no-preserve=mode /srv/images/web-* /var/lib/evenkeel/campus/images'
  echo "  hv1 has the images of its machines; hv2 has none"

  title "Two machines, the second where there is room: on the standby"
  sed -n '/workload/,/resources/p' "$tree/tenants/t2/web.yaml" | cut -c1-78
  converge "two machines, from nothing to answering"
  expect "hv2 has the images now, and no key to hv1" carried
  show hack/lab enter hv1 virsh list
  show hack/lab enter hv2 virsh list
  ask "requests to the machines" "$(service t2)"
  converge "once more: nothing to do"

  title "A daemon watches; somebody kills the QEMU of web-1"
  git_commit "t2 has machines"
  begin_daemon
  until_true "the daemon is there" serving
  first=$(machine_on hv1)
  show hack/lab enter hv1 sh -c "kill -9 \$(cat /run/libvirt/qemu/$first.pid)"
  until_true "the same machine, started again" runs_on hv1 "$first"
  until_true "both answer again" answers t2 2

  title "t2's web is to follow steal: the time its CPUs could have run, and did not"
  write_machines 1 1
  cat >>"$tree/tenants/t2/web.yaml" <<'YAML'
  autoscale:
    thresholds: {steal: {min: 5, max: 20}}
    sampleSeconds: 2
    windowSeconds: 4
    cooldownSeconds: 4
YAML
  git_commit "web follows steal"
  until_true "one machine is left, at home" machines 1 0
  echo "  hv1 gets half a CPU for all that it does, and the machine is asked for more"
  hack/lab enter hv1 sh -c 'echo 50000 >/sys/fs/cgroup/cpu/cpu.cfs_quota_us'
  hack/lab exec client -- node "$PWD/hack/demo.d/load.mjs" "$(service t2)" "$work/requests" 4:25:200 1:20:0 >"$work/load" &
  load=$!
  until_true "steal: one more, on the free hypervisor (virsh)" machines 1 1
  show reconcile why subnet/web -n t2 --manifests "$tree" || true
  until_true "both answer" answers t2 2

  title "The load goes; what was added last goes first, by its power button"
  wait "$load"
  hack/lab enter hv1 sh -c 'echo -1 >/sys/fs/cgroup/cpu/cpu.cfs_quota_us'
  until_true "back to one machine" machines 1 0
  show reconcile events -n t2 --manifests "$tree" --since 2m || true

  title "Measured"
  printf '%s\n' "${rows[@]}"
  echo "(execs: counted in hv1's and hv2's sshd logs, first-contact check and readiness probes included)"
  [ "$wrong" = 0 ] || echo "NOT AS IT SHOULD BE: $wrong"
}

# A subnet of so many machines of a version, booted directly: nothing is emulated that need not be.
write_machines() {
  cat >"$tree/tenants/t2/web.yaml" <<YAML
apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: web}
spec:
  cidr: 10.13.13.0/24
  replicas: {min: $1, max: 2}
  workload:
    runtime: libvirt
    kernel:
      image: web-vmlinux
      initrd: web-initrd
      arguments: $(jq -r .arguments <<<"$state") evenkeel.version=$2
    ports: [{name: http, containerPort: 8080}]
    resources: {cpu: 1, memory: 96Mi}
  service:
    address: $(service t2)
    ports: [{port: 80, targetPort: http}]
  healthCheck: {httpGet: {path: /healthz, port: http}}
  drain: {gracePeriodSeconds: 5}
YAML
}

machine_on() { hack/lab enter "$1" virsh -q list --name | sed -n '/^campus\.t2\.web/p' | head -1; }
runs_on() { hack/lab enter "$1" virsh -q list --state-running --name | grep -qx "$2"; }
count_on() { hack/lab enter "$1" virsh -q list --all --name | grep -c '^campus\.t2\.web' || true; }
machines() { [ "$(count_on hv1) $(count_on hv2)" = "$1 $2" ]; }
serving() { hack/lab exec ctl -- curl -sf -o /dev/null http://127.0.0.1:9478/readyz; }
carried() {
  local sums='cd /var/lib/evenkeel/campus/images && sha256sum web-vmlinux web-initrd'
  same "$(hack/lab enter hv1 sh -c "$sums")" "$(hack/lab enter hv2 sh -c "$sums")" &&
    same authorized_keys "$(hack/lab enter hv2 ls -A /root/.ssh)"
}

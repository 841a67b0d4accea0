# shellcheck shell=bash
# Two tenants with containers: onboarded, healed, grown under load, burst to the standby, shrunk.

main() {
  title "A lab: two hypervisors, a controller, a client, out of namespaces"
  hack/lab up >"$work/lab.log"
  state=$(hack/lab status --json)
  keys=$(jq -r .state <<<"$state")/keys
  write_manifests
  jq -r '.hypervisors[] | "  \(.name)  \(.address)  sshd, Docker Engine, iptables, conntrack of its own"' <<<"$state"

  title "Tenant t1 is written; what would happen?"
  give t1
  show reconcile plan "$tree" || true

  title "So be it: once, as a CI job would"
  converge "t1 onboarded"
  converge "once more: nothing to do"

  title "From now on a daemon watches the tree; a second tenant comes by a commit"
  git_commit "t1 is there"
  begin_daemon
  give t2
  git_commit "Onboard t2, with the same addresses inside"
  until_true "t2 onboarded by its commit" answers t2 3

  title "Both answer, from replicas on both hypervisors"
  ask "requests to t1, t2" "$(service t1)" "$(service t2)"

  title "Somebody breaks things by hand: a bridge, the balancer, a container"
  show hack/lab enter hv1 ip -n campus.t2 link del br-web
  show hack/lab enter hv1 nsenter --net=/run/netns/campus.t1 iptables -t nat -F
  show hack/lab enter hv2 docker kill "$(hack/lab enter hv2 docker ps -q --filter label=dev.evenkeel.tenant=t2 | head -1)"
  until_true "t2 mended: the daemon heard of it" answers t2 3
  until_true "t1 mended: the daemon looked" answers t1 3
  ask "requests after that" "$(service t1)" "$(service t2)"

  title "Tenant t1 leaves: its files go with a commit"
  before=$(things_of t2)
  rm -r "$tree/tenants/t1" "$tree/provider/t1.yaml"
  git_commit "t1 leaves"
  until_true "nothing of t1 is left" gone t1
  expect "t2 is untouched" same "$before" "$(things_of t2)"

  title "t2's web is to follow its load: 3 to 6 replicas, at home first"
  follow_load
  (cd "$tree" && git diff -U0 | grep '^[+-] ')
  git_commit "web follows its load"
  home_before=$(running hv1) burst_before=$(running hv2)
  hack/lab exec client -- node "$PWD/hack/demo.d/load.mjs" "$(service t2)" "$work/requests" 45:40:10 20:40:0 >"$work/load" &
  load=$!
  until_true "load: one more at home (docker ps on hv1)" more_on hv1 "$home_before"
  echo "  somebody else's job takes a CPU of hv1"
  hack/lab enter hv1 timeout 60 sh -c 'while :; do :; done' &
  job=$!
  until_true "home is loaded: burst to hv2 (docker ps on hv2)" more_on hv2 "$burst_before"
  burst=$(running hv2)
  hack/lab enter hv1 pkill -f 'while :' || true
  wait "$job" || true
  show reconcile why subnet/web -n t2 --manifests "$tree" || true

  title "The load goes; what was added last goes first, drained"
  until_true "back to 3 replicas" replicas t2 3
  wait "$load"
  show reconcile events -n t2 --manifests "$tree" --since 2m || true
  sent=$(jq .sent "$work/load") failed=$(jq .failed "$work/load")
  [ "$failed" = 0 ] || grep -v ' 200$' "$work/requests" | sed 's/^/  failed: /' | head -20
  rows+=("$(printf '%-44s %s sent, %s failed' 'requests while it grew and shrank' "$sent" "$failed")")
  expect "no request failed while it grew, burst and shrank" same 0 "$failed"
  cut=$(metric evenkeel_drain_connections_cut_total)
  rows+=("$(printf '%-44s %s' 'connections cut by drains' "$cut")")
  expect "no connection was cut" same 0 "$cut"
  rows+=("$(printf '%-44s %s -> %s -> %s' 'replicas of t2 on hv2' "$burst_before" "$burst" "$(running hv2)")")

  title "Measured"
  printf '%s\n' "${rows[@]}"
  echo "(execs: counted in hv1's and hv2's sshd logs, first-contact check and readiness probes included)"
  [ "$wrong" = 0 ] || echo "NOT AS IT SHOULD BE: $wrong"
}

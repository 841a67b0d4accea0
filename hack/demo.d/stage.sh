# shellcheck shell=bash
# What every story of the demo needs: a lab, a tree, a daemon, and what is read from outside evenkeel.

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Prints a command as one would type it, and runs it.
show() {
  printf '$ %s\n' "$*" | sed "s#$work/##g; s#hack/lab enter \(hv.\)#[\1]#"
  "$@"
}

reconcile() {
  hack/lab exec ctl -- env EVENKEEL_STATE_DIR="$work/state" EVENKEEL_KEYS_DIR="$keys" node dist/reconcile.js "$@"
}

git_commit() {
  [ -d "$tree/.git" ] || git -C "$tree" init -q
  git -C "$tree" add -A
  show git -C "$tree" -c user.name=Demo -c user.email=demo@campus commit -q -m "$1"
}

begin_daemon() {
  printf '$ reconcile manifests --resync 5s &\n'
  hack/lab exec ctl -- env EVENKEEL_STATE_DIR="$work/state" EVENKEEL_KEYS_DIR="$keys" \
    node dist/reconcile.js "$tree" --resync 5s >"$work/daemon.log" 2>&1 &
  daemon=$!
}

# Waits until something is so, and shows meanwhile what the daemon says.
until_true() {
  local what=$1 begin
  shift
  begin=$(date +%s%N)
  for _ in $(seq 300); do
    tell_daemon
    if "$@"; then
      rows+=("$(printf '%-44s %6s s' "$what" "$(seconds $(($(date +%s%N) - begin)))")")
      tell_daemon
      printf '  ✓ %s\n' "$what"
      return
    fi
    sleep 0.2
  done
  fail "$what"
}

said=0
tell_daemon() {
  local all
  all=$(wc -l <"$work/daemon.log")
  [ "$all" = "$said" ] || sed -n "$((said + 1)),${all}p" "$work/daemon.log" | sed "s#$work/##g; s/^/  | /"
  said=$all
}

answers() { [ "$(for _ in $(seq $((2 * $2))); do hack/lab exec client -- curl -s -m 3 "http://$(service "$1")/"; done | jq -r .hostname | sort -u | wc -l)" = "$2" ]; }
gone() { [ -z "$(things_of "$1")" ]; }
running() { hack/lab enter "$1" docker ps -q --filter label=dev.evenkeel.tenant=t2 --filter label=dev.evenkeel.subnet=web | wc -l; }
more_on() { [ "$(running "$1")" -gt "$2" ]; }
replicas() { [ $(($(running hv1) + $(running hv2))) = "$2" ]; }
metric() { hack/lab exec ctl -- curl -s http://127.0.0.1:9478/metrics | awk -v name="$1" '$1 == name { print $2 }'; }

# Thresholds for t2's web, and for the home's own load, as their owners would write them.
follow_load() {
  cat >>"$tree/tenants/t2/web.yaml" <<'YAML'
  autoscale:
    thresholds: {cpu: {min: 20, max: 60}}
    sampleSeconds: 2
    windowSeconds: 4
    cooldownSeconds: 4
YAML
  cat >>"$tree/provider/hv1.yaml" <<'YAML'
  load: {min: 30, max: 50}
YAML
}

# Puts one tenant's documents into the tree.
give() {
  cp "manifests/provider/$1.yaml" "$tree/provider/"
  cp -r "manifests/tenants/$1" "$tree/tenants/"
}

# The example's hypervisors, with the host keys of this lab.
write_manifests() {
  mkdir -p "$tree/provider" "$tree/tenants"
  for hv in hv1 hv2; do
    key=$(jq -r ".hypervisors[] | select(.name == \"$hv\").hostKey" <<<"$state")
    sed "s#SHA256:$hv[A-Za-z0-9]*#$key#" "manifests/provider/$hv.yaml" >"$tree/provider/$hv.yaml"
  done
}

service() { sed -n 's/^    address: \([0-9.]*\).*/\1/p' "manifests/tenants/$1/web.yaml"; }

execs() { grep -c '^Starting session: command' "$(jq -r ".hypervisors[] | select(.name == \"$1\").sshdLog" <<<"$state")" || true; }

# Runs `reconcile --once`, and keeps a row of what it took.
converge() {
  local actions begin end one two
  actions=$(reconcile plan "$tree" -o json 2>/dev/null | jq '[.totals[] | numbers] | add' || echo '?')
  one=$(execs hv1) two=$(execs hv2) begin=$(date +%s%N)
  show reconcile --once "$tree" || fail "$1"
  end=$(date +%s%N)
  rows+=("$(printf '%-44s %6s s, %s changes, %s + %s execs' "$1" "$(seconds $((end - begin)))" "$actions" $(($(execs hv1) - one)) $(($(execs hv2) - two)))")
}

seconds() { printf '%d.%d' $(($1 / 1000000000)) $(($1 / 100000000 % 10)); }

# Thirty requests to each address from the client host: who answers how often.
ask() {
  local what=$1 failed=0 address
  shift
  for address; do
    for _ in $(seq 30); do
      hack/lab exec client -- curl -s -m 3 "http://$address/" || echo failed
    done >"$work/answers"
    failed=$((failed + $(grep -c '^failed' "$work/answers" || true)))
    printf '  %s  ' "$address"
    jq -rR 'fromjson? | .hostname' "$work/answers" | sort | uniq -c | awk '{ printf "%s %s times  ", $2, $1 }'
    jq -rR 'fromjson? | .greeting' "$work/answers" | sort -u
  done
  rows+=("$(printf '%-44s %s sent, %s failed' "$what" $((30 * $#)) "$failed")")
  [ "$failed" = 0 ] || fail "$what"
}

# Containers and links of a tenant, as the hypervisors show them.
things_of() {
  for hv in hv1 hv2; do
    hack/lab enter $hv docker ps -a --no-trunc --format "{{.ID}} {{.Names}}" --filter "label=dev.evenkeel.tenant=$1"
    hack/lab enter $hv ip -n "campus.$1" -o link 2>/dev/null | awk '{ print $1, $2 }' || true
  done
}

everything() {
  things_of t1
  things_of t2
  for hv in hv1 hv2; do
    for t in t1 t2; do
      hack/lab enter $hv nsenter --net=/run/netns/campus.$t iptables-save | sed '/^#/d; s/\[.*\]//'
    done
  done
}

same() { [ "$1" = "$2" ]; }

expect() {
  local what=$1
  shift
  if "$@"; then printf '  ✓ %s\n' "$what"; else fail "$what"; fi
}

fail() {
  printf '  ✗ %s\n' "$1"
  wrong=$((wrong + 1))
}

finish() {
  if [ -n "${daemon:-}" ]; then
    hack/lab exec ctl -- pkill -TERM -f "reconcile.js $tree" || true
    wait "$daemon" || fail "the daemon ends with 0"
  fi
  if [ -n "${KEEP:-}" ]; then
    cat <<EOF

Left up: LAB=$LAB hack/lab status
  LAB=$LAB hack/lab exec ctl -- env EVENKEEL_STATE_DIR=$work/state EVENKEEL_KEYS_DIR=${keys:-} node dist/reconcile.js plan $tree
  LAB=$LAB hack/lab down; rm -r $work
EOF
  else
    hack/lab down >/dev/null
    rm -rf "$work"
  fi
}

/** What collectd and the reading of it need on a hypervisor, as it is installed. */
export const COLLECTOR_PACKAGES = "collectd-core libmicrohttpd12 libprotobuf-c1 curl";

/**
 * What a change does to collectors, as functions of its script. As of a resolver, nothing else of the tenant waits for one:
 * a start that fails leaves a note of why, and never fails the block that it is part of.
 *
 * One that runs has always read its file as it stands: the old one ends before the file is written, and the new one starts
 * after that. It hears what anybody in the tenant's replicas sends, so it is nobody, with a limit to its memory and to what it
 * may write. collectd goes on when one of its plugins cannot begin; that is a failure here.
 */
export const COLLECTOR_PROGRAMS = `
collector_run() { cat <<'RUN'
trap "" XFSZ; ulimit -f 8; ulimit -v 600000
echo $$ > "$1/pid.new" && mv "$1/pid.new" "$1/pid" &&
exec nsenter --net="/run/netns/$2" setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --inh-caps=-all \\
  collectd -f -C "$1/configuration" -P"$1/pid"
RUN
}
# collector_start NAMESPACE: its input is the configuration.
collector_start() ( set +e; umask 022; n=$1; d=/run/evenkeel-collectors/\${n%%.*}/\${n#*.}
  gateway_end "$d"
  mkdir -p "$d" && rm -f "$d/pid" "$d/failure" "$d/said" && cat > "$d/configuration.new" && mv "$d/configuration.new" "$d/configuration" || exit 0
  for tool in collectd curl; do command -v "$tool" >/dev/null ||
    { echo "$tool is not there: apt-get install ${COLLECTOR_PACKAGES}" > "$d/failure"; exit 0; }; done
  # Not with the lock in its hands, which it would keep for as long as it runs.
  setsid sh -c "$(collector_run)" sh "$d" "$n" > "$d/said" 2>&1 </dev/null 9>&- & q=$!; i=0
  while [ -e "/proc/$q/ns/net" ] && [ $((i += 1)) -lt 250 ] && ! grep -qs "entering read-loop" "$d/said"; do sleep 0.02; done
  grep -q 'entering read-loop' "$d/said" && ! grep -qi 'failed' "$d/said" && exit 0
  gateway_end "$d"
  { grep -v 'successfully loaded' "$d/said" || echo "collectd ended at once"; } | head -n 3 > "$d/failure"
  exit 0 )
collector_stop() { gateway_stop /run/evenkeel-collectors; }
`;

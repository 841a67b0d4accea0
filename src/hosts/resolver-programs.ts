/**
 * What a change does to resolvers, as functions of its script. Nothing else of the tenant waits for one: a start that fails
 * leaves a note of why, which the next look finds, and never fails the block that it is part of.
 *
 * A file is whole or as it was, and which process was told of the files as they stand is written last: a script that was cut
 * off anywhere leaves one that is to be told again.
 */
export const RESOLVER_PROGRAMS = `
# resolver_files DIRECTORY: writes its input, lines FILE LINE.
resolver_files() { mkdir -p "$1" && rm -f "$1/told" "$1/failure" && : > "$1/hosts.new" && : > "$1/leases.new" || return 1
  while read -r f line; do printf '%s\\n' "$line" >> "$1/$f.new" || return 1; done
  for f in hosts leases command; do [ ! -e "$1/$f.new" ] || mv "$1/$f.new" "$1/$f" || return 1; done; }
resolver_told() { echo "$2" > "$1/told.new" && mv "$1/told.new" "$1/told"; }
resolver_start() ( set +e; umask 022; n=$1; d=/run/evenkeel/\${n%%.*}/\${n#*.}
  gateway_end "$d"
  rm -f "$d/command.new"; resolver_files "$d" || exit 0
  command -v dnsmasq >/dev/null || { echo "dnsmasq is not there: apt-get install dnsmasq-base" > "$d/failure"; exit 0; }
  set --; while read -r word; do set -- "$@" "$word"; done < "$d/command"
  # Not with the lock in its hands, which it would keep for as long as it runs.
  if nsenter --net="/run/netns/$n" dnsmasq --conf-file=/dev/null --pid-file="$d/pid" --addn-hosts="$d/hosts" \\
    --dhcp-hostsfile="$d/leases" "$@" > "$d/failure.new" 2>&1 </dev/null 9>&-
  then rm -f "$d/failure.new"; q=$(gateway_pid "$d") && resolver_told "$d" "$q"
  else mv "$d/failure.new" "$d/failure"; fi
  exit 0 )
resolver_tell() ( set +e; umask 022; d=/run/evenkeel/\${1%%.*}/\${1#*.}
  resolver_files "$d" || exit 0
  q=$(gateway_pid "$d") && kill -HUP "$q" && resolver_told "$d" "$q"
  exit 0 )
resolver_stop() { gateway_stop /run/evenkeel; }
`;

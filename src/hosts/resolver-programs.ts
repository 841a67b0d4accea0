/**
 * What a change does to resolvers, as functions of its script. Nothing else of the tenant waits for one: a start that fails
 * leaves a note of why, which the next look finds, and never fails the block that it is part of.
 *
 * A file is whole or as it was, and which process was told of the files as they stand is written last: a script that was cut
 * off anywhere leaves one that is to be told again.
 */
export const RESOLVER_PROGRAMS = `
# resolver_pid DIRECTORY: its process, if the number in its file still is one.
resolver_pid() { p=; [ ! -r "$1/pid" ] || read -r p < "$1/pid"
  case $p in ""|*[!0-9]*) return 1;; esac
  # guard: owner's mark
  [ -e "/proc/$p/ns/net" ] && grep -qszxF -- "--pid-file=$1/pid" "/proc/$p/cmdline" && echo "$p"; }
# resolver_end DIRECTORY [NAMESPACE GROUP]: ends it wherever it runs. A namespace that lost its name lives on with it: what
# of ours is in there goes first, for the kernel takes its time with the rest.
resolver_end() { q=$(resolver_pid "$1") || return 0; there=/proc/$q/ns/net
  if [ -n "$2" ] && ! [ "$there" -ef "/run/netns/$2" ] && ! [ "$there" -ef /proc/self/ns/net ]; then
    nsenter --net="$there" ip link del group "$3" 2>/dev/null || :
  fi
  kill "$q" 2>/dev/null || :; i=0
  while [ -e "$there" ] && [ $((i += 1)) -lt 100 ]; do sleep 0.02; done
  [ ! -e "$there" ] || kill -9 "$q" 2>/dev/null || :; }
# resolver_files DIRECTORY: writes its input, lines FILE LINE.
resolver_files() { mkdir -p "$1" && rm -f "$1/told" "$1/failure" && : > "$1/hosts.new" && : > "$1/leases.new" || return 1
  while read -r f line; do printf '%s\\n' "$line" >> "$1/$f.new" || return 1; done
  for f in hosts leases command; do [ ! -e "$1/$f.new" ] || mv "$1/$f.new" "$1/$f" || return 1; done; }
resolver_told() { echo "$2" > "$1/told.new" && mv "$1/told.new" "$1/told"; }
resolver_start() ( set +e; umask 022; n=$1; d=/run/evenkeel/\${n%%.*}/\${n#*.}
  resolver_end "$d"
  rm -f "$d/command.new"; resolver_files "$d" || exit 0
  command -v dnsmasq >/dev/null || { echo "dnsmasq is not there: apt-get install dnsmasq-base" > "$d/failure"; exit 0; }
  set --; while read -r word; do set -- "$@" "$word"; done < "$d/command"
  # Not with the lock in its hands, which it would keep for as long as it runs.
  if nsenter --net="/run/netns/$n" dnsmasq --conf-file=/dev/null --pid-file="$d/pid" --addn-hosts="$d/hosts" \\
    --dhcp-hostsfile="$d/leases" "$@" > "$d/failure.new" 2>&1 </dev/null 9>&-
  then rm -f "$d/failure.new"; q=$(resolver_pid "$d") && resolver_told "$d" "$q"
  else mv "$d/failure.new" "$d/failure"; fi
  exit 0 )
resolver_tell() ( set +e; umask 022; d=/run/evenkeel/\${1%%.*}/\${1#*.}
  resolver_files "$d" || exit 0
  q=$(resolver_pid "$d") && kill -HUP "$q" && resolver_told "$d" "$q"
  exit 0 )
resolver_stop() { while read -r n group; do d=/run/evenkeel/\${n%%.*}/\${n#*.}
  resolver_end "$d" "$n" "$group"
  # What does not end is not forgotten.
  resolver_pid "$d" >/dev/null || rm -rf "$d"; done; }
`;

/**
 * What a change does to any process that stands in a tenant's gateway, as functions of its script. A process is known by the
 * number in its file together with the word of its command line that names this file.
 */
export const GATEWAY_PROGRAMS = `
# gateway_pid DIRECTORY: its process, if the number in its file still is one.
gateway_pid() { p=; [ ! -r "$1/pid" ] || read -r p < "$1/pid"
  case $p in ""|*[!0-9]*) return 1;; esac
  # guard: owner's mark
  [ -e "/proc/$p/ns/net" ] && grep -qszxF -e "--pid-file=$1/pid" -e "-P$1/pid" "/proc/$p/cmdline" && echo "$p"; }
# gateway_end DIRECTORY [NAMESPACE GROUP]: ends it wherever it runs. A namespace that lost its name lives on with it: what
# of ours is in there goes first, for the kernel takes its time with the rest.
gateway_end() { q=$(gateway_pid "$1") || return 0; there=/proc/$q/ns/net
  if [ -n "$2" ] && ! [ "$there" -ef "/run/netns/$2" ] && ! [ "$there" -ef /proc/self/ns/net ]; then
    nsenter --net="$there" ip link del group "$3" 2>/dev/null || :
  fi
  kill "$q" 2>/dev/null || :; i=0
  while [ -e "$there" ] && [ $((i += 1)) -lt 100 ]; do sleep 0.02; done
  [ ! -e "$there" ] || kill -9 "$q" 2>/dev/null || :; }
# gateway_stop DIRECTORY: ends those of its input, lines NAMESPACE GROUP, and removes their files.
gateway_stop() { while read -r n group; do d=$1/\${n%%.*}/\${n#*.}
  gateway_end "$d" "$n" "$group"
  # What does not end is not forgotten.
  gateway_pid "$d" >/dev/null || rm -rf "$d"; done; }
`;

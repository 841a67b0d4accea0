import type { FleetName, TenantName } from "../api/names.ts";
import { isName, trusted } from "../api/names.ts";

/** What one tenant's resolver (dnsmasq) shows of itself: its process, and the files that it reads. */
export interface ResolverFacts {
  /** Words of its command line, without the program and without where its files are; none while it does not run. */
  readonly command: readonly string[];
  /** Whether it runs in the namespace that has the tenant's name; one that lost its name lives on with the process. */
  readonly isInside: boolean;
  /** Lines of its file of names. */
  readonly hosts: readonly string[];
  /** Lines of its file of addresses that it gives out. */
  readonly leases: readonly string[];
  /** Whether the process was told of its files after they were last written. */
  readonly isTold: boolean;
  /** What was said when it could not be started. */
  readonly failure: string | undefined;
}

/** Whether it holds a namespace that nobody finds by its name any more, with all that is in it. */
export const isAstray = ({ command, isInside }: ResolverFacts): boolean => command.length > 0 && !isInside;

/** Directory of all that a fleet's resolvers have on a hypervisor; gone with a reboot, as they are themselves. */
const resolversDirectory = (fleet: FleetName): string => `/run/evenkeel/${fleet}`;

/** The word of its command line by which a process is known to be a tenant's resolver, and not another with its number. */
const pidFileOption = (fleet: FleetName, tenant: string): string =>
  `--pid-file=${resolversDirectory(fleet)}/${tenant}/pid`;

/** Words that say where a resolver's files are: the same for each, and not compared. */
const OF_FILES = /^--(conf-file|pid-file|addn-hosts|dhcp-hostsfile)=/;

/**
 * Shell lines of a look that print, for each resolver of the fleet, `TENANT PID PLACE`, then `FILE:LINE` of its files and
 * `/proc/PID/cmdline:WORD` of its process. Three programs in all, however many there are.
 */
export const resolversScript = (fleet: FleetName): string => `set --; commands=
for f in ${resolversDirectory(fleet)}/*/; do
  [ -d "$f" ] || continue
  n=\${f%/}; n=\${n##*/}; p=; place=none
  [ ! -r "\${f}pid" ] || read -r p < "\${f}pid"
  case $p in ""|*[!0-9]*) p=0;; esac
  if [ ! -e "/proc/$p/ns/net" ]; then :
  elif [ "/proc/$p/ns/net" -ef "/run/netns/${fleet}.$n" ]; then place=inside
  # A namespace whose name is merely not seen from here has not lost it.
  elif grep -qsF "$(readlink "/proc/$p/ns/net") " /proc/1/mountinfo; then place=inside
  else place=outside; fi
  echo "$n $p $place"
  commands="$commands /proc/$p/cmdline"
  set -- "$@" "\${f}hosts" "\${f}leases" "\${f}told" "\${f}failure"
done
[ $# = 0 ] || { grep -sH '' "$@"; grep -szH '' $commands | tr '\\0' '\\n'; }`;

/** Reads what {@link resolversScript} prints. */
export function parseResolvers(fleet: FleetName, text: string): Map<TenantName, ResolverFacts> {
  const processes = new Map<TenantName, { readonly pid: string; readonly place: string }>();
  const files = new Map<string, string[]>();
  const commands = new Map<string, string[]>();
  const own = `${resolversDirectory(fleet)}/`;
  for (const line of text.split("\n")) {
    const word = /^\/proc\/(\d+)\/cmdline:(.*)$/.exec(line);
    const process = /^(\S+) (\d+) (inside|outside|none)$/.exec(line);
    const colon = line.indexOf(":");
    if (word) add(commands, word[1] ?? "", word[2] ?? "");
    else if (line.startsWith(own) && colon > 0)
      add(files, line.slice(own.length, colon), line.slice(colon + 1));
    else if (process && isName(process[1] ?? ""))
      processes.set(trusted(process[1] ?? ""), { pid: process[2] ?? "", place: process[3] ?? "" });
  }
  return new Map(
    [...processes].map(([tenant, { pid, place }]) => {
      const command = commands.get(pid) ?? [];
      // guard: owner's mark
      const runs = place !== "none" && command.includes(pidFileOption(fleet, tenant));
      const file = (name: string): readonly string[] => files.get(`${tenant}/${name}`) ?? [];
      const failure = file("failure").join(" ").trim();
      return [
        tenant,
        {
          command: runs ? command.slice(1).filter((word) => !OF_FILES.test(word)) : [],
          isInside: runs && place === "inside",
          hosts: file("hosts"),
          leases: file("leases"),
          isTold: runs && file("told")[0] === pid,
          failure: failure === "" ? undefined : failure,
        },
      ];
    }),
  );
}

const add = (lists: Map<string, string[]>, key: string, value: string): void => {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
};

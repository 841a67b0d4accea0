import { type FleetName, isName, type TenantName, trusted } from "../api/names.ts";

/** Where the processes of one sort are, and what a look reads of each. */
export interface ProcessFiles {
  /** A directory for each tenant is in it; gone with a reboot, as the processes are themselves. */
  readonly directory: string;
  /** Files in a tenant's directory that are read, besides `pid`. */
  readonly names: readonly string[];
}

/** A process that stands in a tenant's gateway, as a look shows it. */
export interface GatewayProcess {
  /** Words of its command line, without the program; none while it does not run. */
  readonly command: readonly string[];
  /** Its number; undefined while it does not run. */
  readonly pid: string | undefined;
  /** Whether it runs in the namespace that has the tenant's name; one that lost its name lives on with the process. */
  readonly isInside: boolean;
  /** Lines of one of its files. */
  readonly file: (name: string) => readonly string[];
  /** What was said when it could not be started. */
  readonly failure: string | undefined;
}

/** Whether it holds a namespace that nobody finds by its name any more, with all that is in it. */
export const isAstray = ({ command, isInside }: Pick<GatewayProcess, "command" | "isInside">): boolean =>
  command.length > 0 && !isInside;

/**
 * Shell lines of a look that print, for each tenant with a directory, `TENANT PID PLACE`, then `FILE:LINE` of its files and
 * `/proc/PID/cmdline:WORD` of its process. Three programs in all, however many there are.
 */
export const processesScript = (
  fleet: FleetName,
  { directory, names }: ProcessFiles,
): string => `set --; commands=
for f in ${directory}/*/; do
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
  set -- "$@" ${[...names, "failure"].map((name) => `"\${f}${name}"`).join(" ")}
done
[ $# = 0 ] || { grep -sH '' "$@"; grep -szH '' $commands | tr '\\0' '\\n'; }`;

/**
 * Reads what {@link processesScript} prints.
 * @param ownWord the word of a command line by which a process is known to be the tenant's, and not another with its number
 */
export function parseProcesses(
  text: string,
  { directory }: ProcessFiles,
  ownWord: (tenant: TenantName) => string,
): Map<TenantName, GatewayProcess> {
  const processes = new Map<TenantName, { readonly pid: string; readonly place: string }>();
  const files = new Map<string, string[]>();
  const commands = new Map<string, string[]>();
  const own = `${directory}/`;
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
      const runs = place !== "none" && command.includes(ownWord(tenant));
      const file = (name: string): readonly string[] => files.get(`${tenant}/${name}`) ?? [];
      const failure = file("failure").join(" ").trim();
      return [
        tenant,
        {
          command: runs ? command.slice(1) : [],
          pid: runs ? pid : undefined,
          isInside: runs && place === "inside",
          file,
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

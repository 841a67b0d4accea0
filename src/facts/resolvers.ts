import type { FleetName, TenantName } from "../api/names.ts";
import { parseProcesses, type ProcessFiles, processesScript } from "./gateway-processes.ts";

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

const filesOf = (fleet: FleetName): ProcessFiles => ({
  directory: `/run/evenkeel/${fleet}`,
  names: ["hosts", "leases", "told"],
});

/** Words that say where a resolver's files are: the same for each, and not compared. */
const OF_FILES = /^--(conf-file|pid-file|addn-hosts|dhcp-hostsfile)=/;

/** Shell lines of a look that print what the fleet's resolvers show. */
export const resolversScript = (fleet: FleetName): string => processesScript(fleet, filesOf(fleet));

/** Reads what {@link resolversScript} prints. */
export function parseResolvers(fleet: FleetName, text: string): Map<TenantName, ResolverFacts> {
  const files = filesOf(fleet);
  const all = parseProcesses(text, files, (tenant) => `--pid-file=${files.directory}/${tenant}/pid`);
  return new Map(
    [...all].map(([tenant, { command, pid, isInside, file, failure }]) => [
      tenant,
      {
        command: command.filter((word) => !OF_FILES.test(word)),
        isInside,
        hosts: file("hosts"),
        leases: file("leases"),
        isTold: pid !== undefined && file("told")[0] === pid,
        failure,
      },
    ]),
  );
}

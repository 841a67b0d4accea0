import type { FleetName, TenantName } from "../api/names.ts";
import { isAstray, parseProcesses, type ProcessFiles, processesScript } from "./gateway-processes.ts";

/** What one tenant's resolver (dnsmasq) shows of itself: its process, and the files that it reads. */
export interface ResolverFacts {
  /** Words of its command line, without the program and without where its files are; none while it does not run. */
  readonly command: readonly string[];
  /** Whether it runs in a namespace that has lost its name, and lives on with it. */
  readonly isAstray: boolean;
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
    [...all].map(([tenant, process]) => [
      tenant,
      {
        command: process.command.filter((word) => !OF_FILES.test(word)),
        isAstray: isAstray(process),
        hosts: process.file("hosts"),
        leases: process.file("leases"),
        isTold: process.pid !== undefined && process.file("told")[0] === process.pid,
        failure: process.failure,
      },
    ]),
  );
}

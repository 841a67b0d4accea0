import type { FleetName, TenantName } from "../api/names.ts";
import { isAstray, parseProcesses, type ProcessFiles, processesScript } from "./gateway-processes.ts";

/** What one tenant's collector (collectd) shows of itself: its process, and the file that it was started with. */
export interface CollectorFacts {
  readonly isRunning: boolean;
  /** Whether it runs in a namespace that has lost its name, and lives on with it. */
  readonly isAstray: boolean;
  /** Lines of its configuration. */
  readonly configuration: readonly string[];
  /** What was said when it could not be started. */
  readonly failure: string | undefined;
}

/** A directory for each tenant that has a collector on a hypervisor. */
export const collectorsDirectory = (fleet: FleetName): string => `/run/evenkeel-collectors/${fleet}`;

const filesOf = (fleet: FleetName): ProcessFiles => ({
  directory: collectorsDirectory(fleet),
  names: ["configuration"],
});

/** Shell lines of a look that print what the fleet's collectors show. */
export const collectorsScript = (fleet: FleetName): string => processesScript(fleet, filesOf(fleet));

/** Reads what {@link collectorsScript} prints. */
export function parseCollectors(fleet: FleetName, text: string): Map<TenantName, CollectorFacts> {
  const files = filesOf(fleet);
  const all = parseProcesses(text, files, (tenant) => `-P${files.directory}/${tenant}/pid`);
  return new Map(
    [...all].map(([tenant, process]) => [
      tenant,
      {
        isRunning: process.pid !== undefined,
        isAstray: isAstray(process),
        configuration: process.file("configuration"),
        failure: process.failure,
      },
    ]),
  );
}

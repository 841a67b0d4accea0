import type { FleetName, TenantName } from "../api/names.ts";
import type { CollectorFacts } from "../facts/collectors.ts";
import { tenantOf } from "../resources/marks.ts";
import type { Machine } from "./machine.ts";

/** Writes its file, and starts it in place of the one that runs. */
export function startCollector(machine: Machine, namespace: string, configuration: readonly string[]): void {
  const space = machine.spaces.get(namespace);
  const failure = space
    ? undefined
    : `nsenter: cannot open /run/netns/${namespace}: No such file or directory`;
  machine.collectors.set(namespace, { configuration, space, failure });
}

/** Ends its process; its file stays. */
export function killCollector(machine: Machine, namespace: string): void {
  const collector = machine.collectors.get(namespace);
  if (collector) collector.space = undefined;
}

/** What a look shows of a fleet's collectors. */
export const collectorFacts = (machine: Machine, fleet: FleetName): Map<TenantName, CollectorFacts> =>
  new Map(
    [...machine.collectors].flatMap(([namespace, { configuration, space, failure }]) => {
      const tenant = tenantOf(fleet, namespace);
      const isAstray = space !== undefined && machine.spaces.get(namespace) !== space;
      return tenant
        ? [[tenant, { isRunning: space !== undefined, isAstray, configuration, failure }] as const]
        : [];
    }),
  );

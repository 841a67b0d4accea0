import type { FleetName, TenantName } from "../api/names.ts";
import type { ResolverFacts } from "../facts/resolvers.ts";
import { tenantOf } from "../resources/marks.ts";
import type { Machine } from "./machine.ts";

const linesOf = (lines: readonly string[], file: string): string[] =>
  lines.filter((line) => line.startsWith(`${file} `)).map((line) => line.slice(file.length + 1));

/** Writes its files, and starts it in place of the one that runs. */
export function startResolver(machine: Machine, namespace: string, lines: readonly string[]): void {
  const space = machine.spaces.get(namespace);
  machine.resolvers.set(namespace, {
    hosts: linesOf(lines, "hosts"),
    leases: linesOf(lines, "leases"),
    process: space && { command: linesOf(lines, "command"), space, isTold: true },
    failure: space ? undefined : `nsenter: cannot open /run/netns/${namespace}: No such file or directory`,
  });
}

/** Writes its files, and has the one that runs read them. */
export function tellResolver(machine: Machine, namespace: string, lines: readonly string[]): void {
  const process = machine.resolvers.get(namespace)?.process;
  machine.resolvers.set(namespace, {
    hosts: linesOf(lines, "hosts"),
    leases: linesOf(lines, "leases"),
    process: process && { ...process, isTold: true },
    failure: undefined,
  });
}

/** Ends its process; its files stay. */
export function killResolver(machine: Machine, namespace: string): void {
  const resolver = machine.resolvers.get(namespace);
  if (resolver) resolver.process = undefined;
}

/** What a look shows of a fleet's resolvers. */
export const resolverFacts = (machine: Machine, fleet: FleetName): Map<TenantName, ResolverFacts> =>
  new Map(
    [...machine.resolvers].flatMap(([namespace, { hosts, leases, process, failure }]) => {
      const tenant = tenantOf(fleet, namespace);
      const isAstray = process !== undefined && machine.spaces.get(namespace) !== process.space;
      const [command, isTold] = [process?.command ?? [], process?.isTold ?? false];
      return tenant ? [[tenant, { command, isAstray, hosts, leases, isTold, failure }] as const] : [];
    }),
  );

import type { ContainerSummary, HostFacts, SandboxFacts } from "./facts.ts";

/**
 * Docker's list, where it can be believed: one that knows none of the containers that run is the answer of an engine that is
 * not itself, and as good as none.
 */
export const believed = (
  list: readonly ContainerSummary[] | undefined,
  sandboxes: ReadonlyMap<string, SandboxFacts>,
): readonly ContainerSummary[] | undefined =>
  // guard: what contradicts itself is not believed
  sandboxes.size > 0 && list && !list.some(({ id }) => sandboxes.has(id)) ? undefined : list;

/**
 * Why a look cannot have seen everything; undefined when nothing speaks against it. A container's interfaces are one end of
 * a pair, and go with the other: where replicas have theirs, there is a namespace with the other ends.
 * @param ours whether a namespace is our fleet's
 * @param isReplica whether a container is a replica of ours
 */
export function contradiction(
  { namespaces, containers, sandboxes }: Pick<HostFacts, "namespaces" | "containers" | "sandboxes">,
  ours: (namespace: string) => boolean,
  isReplica: (container: ContainerSummary) => boolean,
): string | undefined {
  if ([...namespaces.keys()].some(ours)) return undefined;
  const linked = (containers ?? []).find(
    (one) => isReplica(one) && sandboxes.get(one.id)?.interfaces["eth0"] !== undefined,
  );
  return linked && `${linked.name} has its links, but no namespace with their other ends was seen`;
}

import type { DomainFact } from "./domains.ts";
import type { ContainerSummary, HostFacts, LinkFact, NamespaceFacts, SandboxFacts } from "./facts.ts";

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
 * The fleet's machines, where libvirt's list can be believed: one without any, while a tap of one is in a namespace of the
 * fleet's, is no list. A tap is there only as long as its machine is.
 */
export const believedMachines = (
  list: readonly DomainFact[] | undefined,
  namespaces: ReadonlyMap<string, NamespaceFacts>,
  ours: (namespace: string) => boolean,
): readonly DomainFact[] | undefined =>
  // guard: what contradicts itself is not believed
  list?.length === 0 && [...namespaces].some(([name, { links }]) => ours(name) && links.some(isTap))
    ? undefined
    : list;

const isTap = ({ type, name }: LinkFact): boolean => type === "tun" && /^[wm][a-z0-9]{8}$/.test(name);

/** What belongs to the fleet, as its marks say. */
export interface Ownership {
  readonly namespace: (name: string) => boolean;
  readonly container: (container: ContainerSummary) => boolean;
  readonly machine: (machine: DomainFact) => boolean;
}

/**
 * Why a look cannot have seen everything; undefined when nothing speaks against it. A container's interfaces are one end of
 * a pair, and go with the other; a machine that runs has its taps somewhere: where replicas have theirs, there is a namespace
 * with the other ends.
 */
export function contradiction(
  {
    own,
    namespaces,
    containers,
    domains,
    sandboxes,
  }: Pick<HostFacts, "own" | "namespaces" | "containers" | "domains" | "sandboxes">,
  ours: Ownership,
): string | undefined {
  if ([...namespaces.keys()].some(ours.namespace)) return undefined;
  const linked =
    (containers ?? []).find(
      (one) => ours.container(one) && sandboxes.get(one.id)?.interfaces["eth0"] !== undefined,
    ) ??
    (domains ?? []).find(
      (one) =>
        ours.machine(one) &&
        one.state === "running" &&
        one.taps.some((tap) => !own.links.some(({ name }) => name === tap)),
    );
  return linked && `${linked.name} has its links, but no namespace with their other ends was seen`;
}

import type { DomainFact } from "../facts/domains.ts";
import type {
  ContainerSummary,
  HostFacts,
  LinkFact,
  NamespaceFacts,
  SandboxFacts,
  SocketFact,
} from "../facts/facts.ts";
import type { LookOptions } from "../hosts/look.ts";
import type { Clients } from "./clients.ts";
import { collectorFacts } from "./collectors.ts";
import { resolverFacts } from "./resolvers.ts";
import type { Machine } from "./machine.ts";
import type { Container, Domain, Link, Space } from "./parts.ts";

/** What a look at a machine shows. */
export function lookAt(
  machine: Machine,
  clients: Clients,
  options: Pick<LookOptions, "fleet" | "draining" | "drainingMacs">,
): HostFacts {
  const { fleet, draining, drainingMacs = [] } = options;
  const { links, routes, neighbours, forwarding, ipv4, sysctls } = namespaceFacts("", machine.own);
  const running = [...machine.containers.values()].filter(({ space }) => space !== undefined);
  return {
    hypervisor: machine.name,
    bootId: machine.bootId,
    own: { links, routes, neighbours, forwarding, ipv4, sysctls },
    namespaces: new Map(
      [...machine.spaces].map(([name, space]) => {
        const facts = namespaceFacts(name, space);
        return [name, draining.includes(name) ? { ...facts, ...clients.counted(space) } : facts];
      }),
    ),
    containers: [...machine.containers.values()].map(summaryOf),
    // Where there is none, libvirt is not asked.
    domains:
      machine.libvirt || machine.domains.size === 0
        ? [...machine.domains.values()].map(domainFact)
        : undefined,
    sandboxes: new Map(
      running.map((container) => {
        const facts = sandboxFacts(container);
        const isCounted = drainingMacs.some((mac) => mac === facts.interfaces["eth0"]?.mac);
        return [container.id, isCounted ? { ...facts, sockets: sockets(container, clients) } : facts];
      }),
    ),
    resolvers: resolverFacts(machine, fleet),
    collectors: collectorFacts(machine, fleet),
    fence: machine.fence && {
      ...machine.fence,
      ageSeconds: Math.floor((machine.now - machine.fence.at) / 1000),
    },
  };
}

const namespaceFacts = (name: string, space: Space): NamespaceFacts => ({
  name,
  links: space.links.map(linkFact),
  // As they are now, whatever becomes of them.
  routes: [...space.routes],
  neighbours: [...space.neighbours],
  forwarding: [...space.forwarding],
  ipv4: space.ipv4,
  ipv6: space.ipv6,
  bridge: space.bridge,
  sysctls: space.sysctls,
  connections: undefined,
});

const linkFact = (link: Link): LinkFact => ({
  name: link.name,
  index: link.index,
  below: link.below?.index,
  type: link.type,
  mac: link.mac,
  mtu: link.mtu,
  master: link.master?.name,
  up: link.up,
  group: link.group,
  alias: link.alias,
  vxlan: link.vxlan,
  flags: { ...link.flags },
  addresses: [...link.addresses],
});

export const summaryOf = ({ id, request, state }: Container): ContainerSummary => ({
  id,
  name: request.name,
  image: request.image,
  imageId: "",
  state,
  labels: request.labels,
});

const domainFact = ({ id, request, state }: Domain): DomainFact => ({
  name: request.name,
  uuid: id,
  state: state === "exited" ? "shut off" : state,
  metadata: request.metadata,
  taps: request.interfaces.map(({ tap }) => tap),
  made: {
    nanoCpus: request.nanoCpus,
    memory: request.memory,
    image: state === "exited" ? undefined : request.image,
    kernel: request.kernel,
    hasSeed: request.userData !== undefined,
  },
});

/** A container's own files show an address only while its link is up, because only then is there a route to its network. */
function sandboxFacts({ pid, space }: Container): SandboxFacts {
  const links = (space?.links ?? []).filter(({ name }) => name === "eth0" || name === "eth1");
  return {
    pid,
    interfaces: Object.fromEntries(
      links.map(({ name, mac, mtu, up, addresses }) => [
        name,
        { mac, mtu, address: up ? addresses[0] : undefined },
      ]),
    ),
    gateway: space?.routes.find(({ destination }) => destination === "default")?.gateway,
  };
}

const sockets = (container: Container, clients: Clients): ReadonlyMap<number, SocketFact> => {
  const listens = container.endsAt === undefined;
  return new Map([...clients.socketsOf(container)].map(([port, live]) => [port, { listens, live }] as const));
};

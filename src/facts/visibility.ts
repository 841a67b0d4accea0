import type { Workload } from "../api/kinds.gen.ts";
import type { HypervisorName } from "../api/names.ts";
import type { HostFacts, Observation } from "./facts.ts";

/** What runs replicas. */
export type Runtime = Workload["runtime"];

/** Hypervisors that were looked at completely, by the runtime that answered there too. */
export type Visibility = Readonly<Record<Runtime, ReadonlySet<HypervisorName>>>;

export const visibilityOf = (seen: Observation["seen"]): Visibility => {
  const names = (answered: "containers" | "domains"): ReadonlySet<HypervisorName> =>
    // guard: unknown is not absent
    new Set([...seen].flatMap(([name, facts]) => (facts[answered] ? [name] : [])));
  return { docker: names("containers"), libvirt: names("domains") };
};

/** Whether everything that a hypervisor holds was seen, whatever runs it. */
export const isWhole = ({ docker, libvirt }: Visibility, name: HypervisorName): boolean =>
  docker.has(name) && libvirt.has(name);

/** The runtime that did not answer a look; undefined when all did. */
export const silentRuntime = ({ containers, domains }: HostFacts): Runtime | undefined =>
  containers === undefined ? "docker" : domains === undefined ? "libvirt" : undefined;

/** Whether a hypervisor was looked at, and each of its runtimes answered. */
export const isSeenWhole = (facts: HostFacts | undefined): boolean =>
  facts !== undefined && silentRuntime(facts) === undefined;

/** What it means that a runtime does not answer, and what to look at. */
export const SILENCE = {
  docker: {
    message: "Docker does not answer there; its containers and their ports are left alone",
    unit: "docker",
  },
  libvirt: {
    message: "libvirt does not answer there; its virtual machines and their ports are left alone",
    unit: "libvirtd",
  },
} as const;

/** All replicas' workloads that a look shows, by name, and whether they run; none of a runtime that did not answer. */
export const shownWorkloads = ({ containers = [], domains = [] }: HostFacts): ReadonlyMap<string, boolean> =>
  new Map([...containers, ...domains].map(({ name, state }) => [name, state === "running"]));

/** Whether it was seen what becomes of a replica. Without a runtime written, it is a container. */
export const sees = (
  visible: Visibility,
  { runtime = "docker", hypervisor }: { readonly runtime?: Runtime; readonly hypervisor: HypervisorName },
): boolean => visible[runtime].has(hypervisor);

import type { ContainerCreateOptions, ContainerInfo, ContainerInspectInfo } from "dockerode";
import type { ContainerSummary } from "../facts/facts.ts";
import type { ContainerRequest, Mount } from "../resources/operation.ts";
import { property } from "./failure.ts";
import type { ContainerMade } from "../facts/container-made.ts";

/** Processes and threads of one replica: a fork bomb must not take the hypervisor's process table from the others. */
const PIDS_LIMIT = 4096;

/** What the Docker API is asked to create for a replica; its name goes beside it, in the query. */
export function createOptions(request: ContainerRequest): ContainerCreateOptions {
  return {
    Hostname: request.hostname,
    Image: request.image,
    ...(request.command === undefined ? {} : { Cmd: [...request.command] }),
    Env: request.env.map(({ name, value }) => `${name}=${value}`),
    Labels: { ...request.labels },
    HostConfig: {
      // Its links are ours: Docker gives it a namespace and nothing in it. A restart would lose them, so none happens.
      // guard: tenant boundary
      NetworkMode: "none",
      RestartPolicy: { Name: "no" },
      // Else Docker writes the hypervisor's own, which cannot be reached from there.
      Dns: request.resolver === undefined ? [] : [request.resolver],
      DnsSearch: [...request.searchDomains],
      // Its segment is IPv4. Set before any link exists, so that no link-local address is ever announced.
      Sysctls: { "net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1" },
      NanoCpus: request.nanoCpus,
      Memory: request.memory,
      // Memory and swap together: equal means no swap, so that one replica's growth is not everybody's disk traffic.
      MemorySwap: request.memory,
      // guard: tenant boundary
      PidsLimit: PIDS_LIMIT,
      // Docker's default capabilities but this one: with raw sockets a replica could forge frames, and the locked port
      // would be all that stops them. (Ping does not need it: Docker opens ICMP sockets to every group.)
      // guard: tenant boundary
      CapDrop: ["NET_RAW"],
      // guard: tenant boundary
      SecurityOpt: ["no-new-privileges"],
      // The image's own process is process 1, as it would be by `docker run`: it gets the stop signal itself.
      Init: false,
      ...(request.mounts && { Binds: request.mounts.map(bind) }),
      // Docker keeps everything by default; a chatty replica would fill the hypervisor's disk.
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
    },
  };
}

function bind({ directory, inside, readOnly }: Mount): string {
  // guard: tenant boundary
  const options = readOnly ? ":ro" : "";
  return `${directory}:${inside}${options}`;
}

/** What Docker keeps of a request, and what the image says; the image as it answered, or undefined where it is gone. */
export function makeOf({ Config, HostConfig }: ContainerInspectInfo, image: unknown): ContainerMade {
  const own = property(image, "Config");
  return {
    image: Config.Image,
    command: textsOf(Config.Cmd),
    env: textsOf(Config.Env),
    nanoCpus: HostConfig.NanoCpus ?? 0,
    memory: HostConfig.Memory ?? 0,
    ofImage:
      image === undefined
        ? undefined
        : { command: textsOf(property(own, "Cmd")), env: textsOf(property(own, "Env")) },
  };
}

/** Docker has null for an empty list. */
const textsOf = (list: unknown): readonly string[] =>
  Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];

/** A line of Docker's list in our words. */
export function summary(info: ContainerInfo): ContainerSummary {
  return {
    id: info.Id,
    // The name of its own; the others, with a second slash in them, are links of old from other containers.
    name: info.Names.find((name) => name.lastIndexOf("/") === 0)?.slice(1) ?? "",
    image: info.Image,
    imageId: info.ImageID,
    state: info.State,
    labels: info.Labels,
  };
}

/**
 * Whether a container is the one asked for: it carries every label of the request. It may have more, since those of its
 * image are added.
 */
export const carries = (
  labels: Readonly<Record<string, string>>,
  asked: ContainerRequest["labels"],
): boolean => Object.entries(asked).every(([name, value]) => labels[name] === value);

/**
 * The repository and the tag or digest in an image's name. Without either it is `latest`, as everywhere else in Docker:
 * the API itself would fetch every tag there is.
 */
export function reference(image: string): { readonly fromImage: string; readonly tag: string } {
  const digest = image.indexOf("@");
  if (digest >= 0) return { fromImage: image.slice(0, digest), tag: image.slice(digest + 1) };
  const colon = image.lastIndexOf(":");
  // A colon before the last slash belongs to the registry's port.
  if (colon > image.lastIndexOf("/"))
    return { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { fromImage: image, tag: "latest" };
}

/** The error in what a pull prints, one JSON object a line; undefined when it went well. */
export function pullError(progress: string): string | undefined {
  const found = /^\{.*"error":("(?:[^"\\]|\\.)*")/m.exec(progress);
  return found?.[1] === undefined ? undefined : String(JSON.parse(found[1]));
}

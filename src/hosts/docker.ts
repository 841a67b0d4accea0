import type Docker from "dockerode";
import pLimit from "p-limit";
import type { HypervisorName } from "../api/names.ts";
import { DockerCalls, only } from "./docker-calls.ts";
import { carries, createOptions, makeOf, pullError, reference, summary } from "./docker-request.ts";
import { property } from "./failure.ts";
import type { ContainerSummary } from "../facts/facts.ts";
import type { ContainerRequest } from "../resources/operation.ts";
import type { ContainerMade } from "../facts/container-made.ts";
import type { StartedContainer } from "./engine.ts";
import type { ListingEngine } from "./shell.ts";
import type { SocketAgent } from "./socket-agent.ts";

/** Where Docker listens on a hypervisor. */
export const DOCKER_SOCKET = "/var/run/docker.sock";

/** Seconds that the engine has to bring an image. */
const PULL_SECONDS = 300;

/** Pulls at once. They have places of their own, since one takes minutes and a list must not wait for it. */
const PULLS_AT_ONCE = 2;

/** What an inspected container tells. */
interface Inspected extends StartedContainer {
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
  readonly exitCode: number;
}

/** The Docker Engine of one hypervisor, reached by HTTP through an agent of its host. */
export class DockerEngine implements ListingEngine {
  readonly #calls: DockerCalls;
  readonly #pulls = pLimit(PULLS_AT_ONCE);

  constructor(host: HypervisorName, agent: () => Promise<SocketAgent>, fix: string) {
    this.#calls = new DockerCalls(host, agent, fix);
  }

  async list(signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    const containers = await this.#calls.read({
      what: "list containers",
      signal,
      ask: (docker, abortSignal) => docker.listContainers({ all: true, abortSignal }),
    });
    return containers.map(summary);
  }

  async imageId(image: string, signal: AbortSignal): Promise<string | undefined> {
    return await this.#calls.read({
      what: `inspect image ${image}`,
      signal,
      ask: (docker, abortSignal) =>
        inspectImage(docker, image, abortSignal).then(
          (found) => String(property(found, "Id")),
          only(404, undefined),
        ),
    });
  }

  async pull(image: string, signal: AbortSignal): Promise<void> {
    const what = `pull image ${image}`;
    const error = await this.#calls.change({
      what,
      signal,
      seconds: PULL_SECONDS,
      places: this.#pulls,
      ask: async (docker, abortSignal) => {
        // The answer is 200 as soon as the pull begins; whether it went well stands in what follows.
        const progress = await docker.createImage({ ...reference(image), abortSignal });
        const chunks: Buffer[] = [];
        for await (const chunk of progress) chunks.push(Buffer.from(chunk));
        return pullError(Buffer.concat(chunks).toString("utf8"));
      },
    });
    if (error !== undefined) throw this.#calls.refused(`${what}: ${error}`);
  }

  async start(request: ContainerRequest, signal: AbortSignal): Promise<StartedContainer> {
    const id = await this.#create(request, signal);
    const what = `start container ${request.name}`;
    await this.#calls.change({
      what,
      signal,
      ask: async (docker, abortSignal) => {
        const alreadyRunning = only(304, undefined);
        await docker.getContainer(id).start({ abortSignal }).catch(alreadyRunning);
      },
    });
    const { running, sandbox, exitCode } = await this.#inspect(id, signal);
    // guard: "exists" is not success
    if (!running) throw this.#calls.refused(`${what}: it ended at once, with exit code ${exitCode}`);
    return { id, sandbox };
  }

  async sandbox(id: string, signal: AbortSignal): Promise<string | undefined> {
    const { running, sandbox } = await this.#inspect(id, signal);
    return running ? sandbox : undefined;
  }

  async describe(id: string, signal: AbortSignal): Promise<ContainerMade | undefined> {
    return await this.#calls.read({
      what: `inspect container ${id}`,
      signal,
      ask: async (docker, abortSignal) => {
        const found = await docker.getContainer(id).inspect({ abortSignal }).catch(only(404, undefined));
        if (found === undefined) return undefined;
        const image = await inspectImage(docker, found.Image, abortSignal).catch(only(404, undefined));
        return makeOf(found, image);
      },
    });
  }

  /** The id of the container asked for, made now or found. */
  async #create(request: ContainerRequest, signal: AbortSignal): Promise<string> {
    const what = `create container ${request.name}`;
    const options = { _query: { name: request.name }, _body: createOptions(request) };
    const made = await this.#calls.change({
      what,
      signal,
      ask: (docker, abortSignal) =>
        docker.createContainer({ ...options, abortSignal }).then(({ id }) => id, only(409, undefined)),
    });
    if (made !== undefined) return made;

    // The name is taken: by an earlier attempt whose answer was lost, or by somebody else.
    const holder = await this.#inspect(request.name, signal);
    // guard: "exists" is not success
    if (carries(holder.labels, request.labels)) return holder.id;
    const held = `the name is taken by container ${holder.id.slice(0, 12)} of image ${holder.image}`;
    throw this.#calls.refused(`${what}: ${held}, which is not ours`);
  }

  async #inspect(id: string, signal: AbortSignal): Promise<Inspected> {
    const gone: Inspected = { id, image: "", labels: {}, running: false, sandbox: "", exitCode: 0 };
    return await this.#calls.read({
      what: `inspect container ${id}`,
      signal,
      ask: (docker, abortSignal) =>
        docker.getContainer(id).inspect({ abortSignal }).then(inspected, only(404, gone)),
    });
  }
}

const inspected = (info: Docker.ContainerInspectInfo): Inspected => ({
  id: info.Id,
  image: info.Config.Image,
  labels: info.Config.Labels,
  running: info.State.Running,
  exitCode: info.State.ExitCode,
  sandbox: info.NetworkSettings.SandboxKey,
});

/** dockerode's own way to inspect an image takes no abort signal: a hung engine would keep a stream of every try. */
function inspectImage(docker: Docker, image: string, abortSignal: AbortSignal): Promise<unknown> {
  // Encoded, because it goes into the path of the request as it is.
  const path = `/images/${encodeURIComponent(image)}/json`;
  return new Promise((resolve, reject) => {
    docker.modem.dial({ path, method: "GET", abortSignal, statusCodes: { 200: true } }, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

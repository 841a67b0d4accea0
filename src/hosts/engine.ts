import type { ContainerMade } from "../facts/container-made.ts";
import type { ContainerRequest } from "../resources/operation.ts";

/** What creating and starting a container tells that the list does not. */
export interface StartedContainer {
  readonly id: string;
  /** Docker's file for the container's network namespace: `ip link add … netns FILE` takes it, without a race on pids. */
  readonly sandbox: string;
}

/**
 * The Docker Engine of one hypervisor. Every call has a deadline of its own and rejects with an EvenkeelError: EK-DOCKER
 * when the engine does not answer, EK-CHANGE-FAILED when it refuses a pull or a start, EK-HOST-UNREACHABLE or EK-HOST-KEY
 * when there is no way to it.
 */
export interface ContainerEngine {
  /** The image's id (`sha256:…`), or undefined when the engine does not have it. */
  imageId(image: string, signal: AbortSignal): Promise<string | undefined>;
  pull(image: string, signal: AbortSignal): Promise<void>;
  /**
   * Creates and starts. A container of that name that carries the labels asked for is started, not made again; one
   * without them is somebody else's and stays as it is.
   */
  start(request: ContainerRequest, signal: AbortSignal): Promise<StartedContainer>;
  /** The sandbox of a running container; undefined when it does not run. */
  sandbox(id: string, signal: AbortSignal): Promise<string | undefined>;
  /** What a container was made from; undefined when there is none of that id. */
  describe(id: string, signal: AbortSignal): Promise<ContainerMade | undefined>;
}

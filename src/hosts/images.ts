import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { ContainerEngine } from "./host.ts";

/** When an image may be fetched, as a workload says it. */
export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** An image that a container is to be made of. */
export interface ImageRequest {
  readonly hypervisor: HypervisorName;
  readonly engine: ContainerEngine;
  readonly image: string;
  readonly policy: PullPolicy;
  /** The container's name: with `Always`, each container is made of an image that was fetched for it. */
  readonly container: string;
}

/** Whether an image is there, on its way, or not to be had, and why. */
export type ImageStanding =
  | { readonly state: "ready" | "coming" }
  | { readonly state: "missing"; readonly message: string };

interface Fetch {
  state: "running" | "done" | "failed";
  message: string;
  times: number;
  /** Milliseconds since the epoch before which a failed one is not tried again. */
  retryAt: number;
  /** Names of containers that it is, or was, for. */
  readonly containers: Set<string>;
}

const RETRY_MILLISECONDS = 1_000;
const RETRY_LIMIT_MILLISECONDS = 60_000;

/**
 * Images on their way to hypervisors. A pull may take minutes, so nobody waits for one: it goes on beside the passes, and
 * whoever needs it asks again.
 */
export class Images {
  readonly #fetches = new Map<string, Fetch>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * How the image stands now; begins to fetch it where its policy asks for that.
   * @throws EvenkeelError EK-DOCKER, EK-HOST-UNREACHABLE where the engine cannot be asked
   */
  async standing(request: ImageRequest, signal: AbortSignal): Promise<ImageStanding> {
    const { hypervisor, engine, image, policy, container } = request;
    const key = `${hypervisor} ${image}`;
    const isHere = policy !== "Always" && (await engine.imageId(image, signal)) !== undefined;
    const fetch = this.#fetches.get(key);
    if (isHere || (fetch?.state === "done" && fetch.containers.has(container))) return { state: "ready" };
    if (policy === "Never")
      return { state: "missing", message: `image ${image} is not there, and imagePullPolicy is Never` };
    if (fetch?.state === "failed" && this.#now() < fetch.retryAt)
      return { state: "missing", message: fetch.message };
    if (fetch?.state === "running") fetch.containers.add(container);
    else this.#begin(key, request, fetch?.state === "failed" ? fetch.times : 0);
    return { state: "coming" };
  }

  /** Gives up what is on its way; what Docker has begun by itself goes on there. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  #begin(key: string, { engine, image, container }: ImageRequest, times: number): void {
    const containers = new Set([container]);
    const fetch: Fetch = { state: "running", message: "", times, retryAt: 0, containers };
    this.#fetches.set(key, fetch);
    const running = this.#pull(engine, image, fetch).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #pull(engine: ContainerEngine, image: string, fetch: Fetch): Promise<void> {
    try {
      await engine.pull(image, this.#closing.signal);
      fetch.state = "done";
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      const wait = Math.min(RETRY_MILLISECONDS * 2 ** fetch.times, RETRY_LIMIT_MILLISECONDS);
      fetch.state = "failed";
      fetch.message = error.message;
      fetch.times++;
      fetch.retryAt = this.#now() + wait;
    }
  }
}

import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { Progress } from "./image-copy.ts";

/** When an image may be fetched, as a workload says it. */
export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** Whether an image is where it is needed, and is what it should be. */
export type Presence = "there" | "absent" | { readonly wrong: string };

/** An image that a workload is to be made of, and how it is looked for and fetched. */
export interface ImageRequest {
  readonly hypervisor: HypervisorName;
  readonly image: string;
  readonly policy: PullPolicy;
  /** The workload's name: with `Always`, each is made of an image that was fetched for it. */
  readonly workload: string;
  /** @throws EvenkeelError where the hypervisor cannot be asked */
  check(signal: AbortSignal): Promise<Presence>;
  /** @throws EvenkeelError when it is not to be had, or does not come */
  fetch(progress: Progress, signal: AbortSignal): Promise<void>;
}

/** Whether an image is there, on its way, or not to be had, and why. */
export type ImageStanding =
  | { readonly state: "ready" }
  /** With what is known of how far it is, for people: `12 of 20 MB`. */
  | { readonly state: "coming"; readonly progress?: string }
  | { readonly state: "missing"; readonly message: string };

interface Fetch {
  state: "running" | "done" | "failed";
  message: string;
  progress: string | undefined;
  times: number;
  /** Milliseconds since the epoch before which a failed one is not tried again. */
  retryAt: number;
  /** Names of workloads that it is, or was, for. */
  readonly workloads: Set<string>;
}

const RETRY_MILLISECONDS = 1_000;
const RETRY_LIMIT_MILLISECONDS = 60_000;

/**
 * Images on their way to hypervisors. A fetch may take minutes, so nobody waits for one: it goes on beside the passes, and
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
   * @throws EvenkeelError EK-DOCKER, EK-HOST-UNREACHABLE where the hypervisor cannot be asked
   */
  async standing(request: ImageRequest, signal: AbortSignal): Promise<ImageStanding> {
    const { hypervisor, image, policy, workload } = request;
    const key = `${hypervisor} ${image}`;
    const presence = policy === "Always" ? "absent" : await request.check(signal);
    if (typeof presence === "object") return { state: "missing", message: presence.wrong };
    const fetch = this.#fetches.get(key);
    if (presence === "there" || (fetch?.state === "done" && fetch.workloads.has(workload)))
      return { state: "ready" };
    if (policy === "Never")
      return { state: "missing", message: `image ${image} is not there, and imagePullPolicy is Never` };
    if (fetch?.state === "failed" && this.#now() < fetch.retryAt)
      return { state: "missing", message: fetch.message };
    if (fetch?.state === "running") fetch.workloads.add(workload);
    else this.#begin(key, request, fetch?.state === "failed" ? fetch.times : 0);
    const { progress } = this.#fetches.get(key) ?? {};
    return { state: "coming", ...(progress !== undefined && { progress }) };
  }

  /** Gives up what is on its way; what Docker has begun by itself goes on there, and a copy goes on from where it is. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  #begin(key: string, request: ImageRequest, times: number): void {
    const workloads = new Set([request.workload]);
    const fetch: Fetch = { state: "running", message: "", progress: undefined, times, retryAt: 0, workloads };
    this.#fetches.set(key, fetch);
    const running = this.#fetch(request, fetch).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #fetch(request: ImageRequest, fetch: Fetch): Promise<void> {
    const progress: Progress = (arrived, of) => {
      fetch.progress = `${megabytes(arrived)} of ${megabytes(of)} MB`;
    };
    try {
      await request.fetch(progress, this.#closing.signal);
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

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

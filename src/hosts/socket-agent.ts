import { Agent, type ClientRequest, type ClientRequestArgs } from "node:http";
import { type Duplex, PassThrough } from "node:stream";
import { inspect } from "node:util";

declare module "node:http" {
  interface Agent {
    /** Node's own way to hand a request to its agent; every agent on npm builds on it, only the types do not show it. */
    addRequest(request: ClientRequest, options: ClientRequestArgs): void;
  }
}

type Connected = (error: Error | null, socket: Duplex) => void;

/**
 * HTTP over streams that `open` brings: a unix socket here, or one of a hypervisor, forwarded by its SSH connection.
 * It does not bound how many are open, since http.Agent cannot while opening is asynchronous: its callers do.
 */
export class SocketAgent extends Agent {
  readonly #open: () => Promise<Duplex>;

  constructor(open: () => Promise<Duplex>, { keepAlive } = { keepAlive: true }) {
    super({ keepAlive });
    this.#open = open;
  }

  /** An agent to the same place that opens a stream for every request, since kept ones may all be dead alike. */
  fresh(): SocketAgent {
    return new SocketAgent(this.#open, { keepAlive: false });
  }

  /** docker-modem inspects the agent, to any depth, on every request: seconds of CPU if it came to the SSH connection. */
  [inspect.custom](): string {
    return "SocketAgent";
  }

  /**
   * docker-modem follows a redirect by a request without this agent, so from this machine's own network, and without an
   * error handler, so that it can end the process. An engine never redirects; one that does is not to be followed.
   */
  override addRequest(request: ClientRequest, options: ClientRequestArgs): void {
    request.prependListener("response", ({ headers }) => delete headers.location);
    super.addRequest(request, options);
  }

  override createConnection(_options: ClientRequestArgs, connected?: Connected): undefined {
    this.#open().then(
      (stream) => connected?.(null, likeSocket(stream)),
      // The type asks for a socket even then; nobody looks at it.
      (error: Error) => connected?.(error, new PassThrough()),
    );
  }
}

/** Gives a forwarded stream the methods of a net.Socket that Node's HTTP client calls without asking. */
function likeSocket(stream: Duplex): Duplex {
  const self = () => stream;
  const missing = { setTimeout: self, setNoDelay: self, setKeepAlive: self, ref: self, unref: self };
  for (const [method, nothing] of Object.entries(missing)) {
    if (!(method in stream)) Object.defineProperty(stream, method, { value: nothing });
  }
  if (!("destroySoon" in stream))
    Object.defineProperty(stream, "destroySoon", { value: () => stream.destroy() });
  // An idle stream belongs to nobody; its error must not become the process's.
  return stream.on("error", () => undefined);
}

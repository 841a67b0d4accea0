import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import { within } from "./deadline.ts";
import { DOCKER_SOCKET, DockerEngine } from "./docker.ts";
import { message } from "./failure.ts";
import { interpreter, Output, patience } from "./script.ts";
import { ScriptQueue } from "./script-queue.ts";
import type { ListingEngine, ScriptOptions, ScriptResult, Shell } from "./shell.ts";
import { SocketAgent } from "./socket-agent.ts";

/** What scripts see of the environment: nothing of this process's own, so that they do the same on every hypervisor. */
const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" };

/** The machine that evenkeel itself runs on, as a hypervisor. */
export class LocalShell implements Shell {
  readonly name: HypervisorName;
  readonly containers: ListingEngine;
  readonly #queue = new ScriptQueue();
  readonly #docker = new SocketAgent(async () => connect(DOCKER_SOCKET));
  readonly #closed = new AbortController();

  constructor(name: HypervisorName) {
    this.name = name;
    this.containers = new DockerEngine(name, async () => this.#docker, "systemctl status docker");
  }

  async run(script: string, options: ScriptOptions): Promise<ScriptResult> {
    if (options.heard) return await this.#run(script, options);
    return await this.#queue.run(options.signal, () => this.#run(script, options));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#docker.destroy();
  }

  async #run(script: string, { deadlineSeconds, signal, heard }: ScriptOptions): Promise<ScriptResult> {
    if (this.#closed.signal.aborted) {
      throw new EvenkeelError("EK-HOST-UNREACHABLE", `${this.name}: it was closed`);
    }
    const [program, ...parameters] = interpreter(deadlineSeconds);
    const child = spawn(program, parameters, { env: ENVIRONMENT, cwd: "/" });
    const output = new Output();
    // `timeout` passes the signal on to all it started.
    const stop = () => child.kill("SIGTERM");
    const keep = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
      output.add(stream, chunk);
      if (stream === "stdout") heard?.(chunk.toString("utf8"));
      if (output.overflowed) stop();
    };
    child.stdout.on("data", keep("stdout"));
    child.stderr.on("data", keep("stderr"));
    child.stdin.on("error", () => undefined); // a script may end before it has read all of itself
    child.stdin.end(script);
    this.#closed.signal.addEventListener("abort", stop, { once: true });
    try {
      const { code, killer } = await within({ seconds: patience(deadlineSeconds), signal }, () => end(child));
      return code === null ? output.unknown(`killed by ${killer}`) : output.ended(code);
    } catch (error) {
      const reason = message(error);
      if (child.pid === undefined) {
        throw new EvenkeelError("EK-HOST-UNREACHABLE", `${this.name}: no script can be started: ${reason}`);
      }
      stop();
      // Something that the script left behind may hold its output open; it must not hold this process too.
      for (const stream of [child.stdout, child.stderr, child.stdin]) stream.destroy();
      child.unref();
      return output.unknown(reason);
    } finally {
      this.#closed.signal.removeEventListener("abort", stop);
    }
  }
}

/** How a process ended, once all that holds its output has; rejects when it could not be started. */
const end = (child: ChildProcess): Promise<{ code: number | null; killer: string | null }> =>
  new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code, killer) => resolve({ code, killer }));
  });

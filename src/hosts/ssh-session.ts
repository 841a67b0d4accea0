import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { NodeSSH } from "node-ssh";
import { within } from "./deadline.ts";
import { DOCKER_SOCKET } from "./docker.ts";
import { message } from "./failure.ts";
import type { ScriptOptions, ScriptResult } from "./shell.ts";
import { HostKeyCheck } from "./host-key.ts";
import { readIdentity } from "./identity.ts";
import { interpreter, Output, patience } from "./script.ts";
import { SocketAgent } from "./socket-agent.ts";
import type { SshTarget } from "./ssh-target.ts";
import { hostKeyRefused } from "./ssh-trouble.ts";

/** Seconds from the first packet to a login. */
const CONNECT_SECONDS = 10;

/** A silent peer is given up after three unanswered questions, 2 s apart. */
const KEEPALIVE = { keepaliveInterval: 2000, keepaliveCountMax: 3 };

/** Seconds that a goodbye may take. */
const GOODBYE_SECONDS = 1;

/** The script was not handed over, so that nothing of it can have run. */
export class NotSent extends Error {
  override readonly name = "NotSent";
}

type SshClient = NonNullable<NodeSSH["connection"]>;

/** One SSH connection, from its login to its loss. It does not come back: its host opens another. */
export class SshSession {
  /** HTTP to the Docker Engine there, each connection a forwarded stream of this session. */
  readonly docker: SocketAgent;
  readonly #ssh: NodeSSH;
  readonly #client: SshClient;
  readonly #socket: Socket;
  #open = true;

  private constructor(ssh: NodeSSH, client: SshClient, socket: Socket) {
    this.#ssh = ssh;
    this.#client = client;
    this.#socket = socket;
    this.docker = new SocketAgent(() => ssh.forwardOutStreamLocal(DOCKER_SOCKET));
  }

  /** Whether the connection still stands, as far as is known. */
  get isOpen(): boolean {
    // A socket that was reset shows it at once, ssh2 tells of it a little later.
    return this.#open && this.#socket.writable;
  }

  /** Connects, checks the host key and logs in, or rejects with the reason. */
  static async open(target: SshTarget, signal: AbortSignal): Promise<SshSession> {
    const privateKey = await readIdentity(target.identityFile);
    const check = new HostKeyCheck(target.hostKeys);
    // A socket of our own: ssh2 would leave Nagle's algorithm on, which costs 40 ms a command.
    const socket = connect({ host: target.address, port: target.port, noDelay: true });
    socket.on("error", () => undefined);
    try {
      return await within({ seconds: CONNECT_SECONDS, signal }, (stop) =>
        logIn(socket, target, privateKey, check, stop),
      );
    } catch (error) {
      socket.destroy();
      throw check.refused === undefined ? error : hostKeyRefused(target, check.refused);
    }
  }

  /** Takes over a connection that is about to log in, so that its end never finds nobody listening. */
  static adopt(ssh: NodeSSH, client: SshClient, socket: Socket): SshSession {
    const session = new SshSession(ssh, client, socket);
    const lost = () => {
      session.#open = false;
      session.docker.destroy();
    };
    // node-ssh takes its own listener away after login; without this one a TCP reset would end the process.
    client.on("error", lost).on("end", lost).on("close", lost);
    return session;
  }

  /** Runs a script; rejects with {@link NotSent} when nothing of it can have run. */
  async run(script: string, { deadlineSeconds, signal, heard }: ScriptOptions): Promise<ScriptResult> {
    const command = interpreter(deadlineSeconds).join(" ");
    const output = new Output();
    let close: (() => void) | undefined;
    const keep = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
      output.add(stream, chunk);
      if (stream === "stdout") heard?.(chunk.toString("utf8"));
      if (output.overflowed) close?.();
    };
    try {
      const ended = await within({ seconds: patience(deadlineSeconds), signal }, (stop) =>
        this.#ssh.execCommand(command, {
          stdin: script,
          encoding: "latin1", // of node-ssh's own copy, which decodes chunk by chunk and is not used
          onStdout: keep("stdout"),
          onStderr: keep("stderr"),
          onChannel: (channel) => {
            // Too late: closed now, before the script goes in, it reads nothing and does nothing.
            if (stop.aborted) channel.close();
            else close = () => channel.close();
          },
        }),
      );
      if (ended.code !== null) return output.ended(ended.code);
      return output.unknown(ended.signal === null ? "the connection was lost" : `killed by ${ended.signal}`);
    } catch (error) {
      // The script goes in when the channel is there, not before.
      if (close === undefined) throw new NotSent("the script was not handed over", { cause: error });
      close();
      return output.unknown(message(error));
    }
  }

  /** Says goodbye, and hangs up on a peer that does not answer it. */
  async end(): Promise<void> {
    this.docker.destroy();
    if (!this.#open) return;
    const gone = once(this.#client, "close");
    this.#client.end();
    await within({ seconds: GOODBYE_SECONDS }, () => gone).catch(() => this.#client.destroy());
  }
}

async function logIn(
  socket: Socket,
  target: SshTarget,
  privateKey: string,
  check: HostKeyCheck,
  stop: AbortSignal,
): Promise<SshSession> {
  await once(socket, "connect", { signal: stop });
  const ssh = new NodeSSH();
  const ready = ssh.connect({
    sock: socket,
    host: target.address,
    username: target.user,
    privateKey,
    // guard: host key
    hostVerifier: check.verify,
    readyTimeout: CONNECT_SECONDS * 1000,
    ...KEEPALIVE,
  });
  const client = ssh.connection; // there already: node-ssh makes it before it waits for anything
  if (client === null) {
    await ready;
    throw new Error("the connection ended at once");
  }
  const session = SshSession.adopt(ssh, client, socket);
  await ready;
  return session;
}

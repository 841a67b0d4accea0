import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

/** What `look` answers once it is neither undefined nor false; for what other processes do in their own time. */
export async function eventually<T>(look: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 3000; tries++) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    await pause(10);
  }
  throw new Error(`it did not come to ${String(look)}`);
}

/** The pids of the processes that `pid` started, and of theirs. */
function descendants(pid: number): number[] {
  const list = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  let children: number[];
  try {
    children = list().split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // gone meanwhile
  }
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** The name of a process's program; empty when it has ended. */
export function command(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already, which is what is wanted
  }
}

/** A real sshd on loopback with keys of its own, which lets root in. */
export class Sshd {
  readonly folder = mkdtempSync(join(tmpdir(), "evenkeel-sshd-"));
  readonly port: number;
  /** `SHA256:…` */
  readonly hostKey: string;
  readonly #process: ChildProcess;

  private constructor(port: number, maxSessions: number) {
    this.port = port;
    const key = (name: string) =>
      execFileSync("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", this.path(name)]);
    for (const name of ["host", "id", "stranger"]) key(name);
    cpSync(this.path("id.pub"), this.path("authorized"));
    this.hostKey =
      execFileSync("/usr/bin/ssh-keygen", ["-lf", this.path("host.pub")], { encoding: "utf8" }).split(
        " ",
      )[1] ?? "";
    const config = {
      ListenAddress: `127.0.0.1:${port}`,
      HostKey: this.path("host"),
      PidFile: "none",
      AuthorizedKeysFile: this.path("authorized"),
      StrictModes: "no", // the folder lies in /tmp
      UsePAM: "no",
      PermitRootLogin: "prohibit-password",
      MaxSessions: String(maxSessions),
    };
    writeFileSync(
      this.path("config"),
      Object.entries(config)
        .map((line) => `${line.join(" ")}\n`)
        .join(""),
    );
    mkdirSync("/run/sshd", { recursive: true });
    this.#process = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", this.path("config")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  static async start({ maxSessions = 10 } = {}): Promise<Sshd> {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));

    const sshd = new Sshd(port, maxSessions);
    const { stderr } = sshd.#process;
    if (stderr === null) throw new Error("sshd has no log");
    const lines = createInterface({ input: stderr });
    const listening = new Promise<void>((resolve, reject) => {
      const seen: string[] = [];
      lines.on("line", (line) => seen.push(line) && line.includes("Server listening") && resolve());
      lines.on("close", () => reject(new Error(`sshd ended: ${seen.join("\n")}`)));
    });
    await listening;
    return sshd;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Ends sshd, and with it every session and what runs in them. */
  async stop(): Promise<void> {
    const { pid } = this.#process;
    if (pid === undefined) return;
    const all = descendants(pid);
    const ended = once(this.#process, "exit");
    for (const one of [pid, ...all]) kill(one, "SIGKILL");
    await ended;
    rmSync(this.folder, { recursive: true });
  }

  /** The sshd processes of the connections that stand now, one or two each. */
  get sessions(): number[] {
    const { pid } = this.#process;
    return (pid === undefined ? [] : descendants(pid)).filter((one) => command(one) === "sshd");
  }
}

/** A TCP relay in front of a port, to count connections and to break them. */
export class Relay {
  accepted = 0;
  /** On loopback; known still when nobody listens there any more. */
  port = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number | "silence") {
    this.#server = createServer((inner) => {
      this.accepted++;
      this.#keep(inner);
      if (target === "silence") return;
      const outer = this.#keep(connect(target, "127.0.0.1"));
      inner.pipe(outer).pipe(inner);
    });
  }

  /** `silence`: takes connections and never says a word. */
  static async start(target: number | "silence"): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    relay.port = (relay.#server.address() as AddressInfo).port;
    return relay;
  }

  /** A TCP reset on every connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on("error", () => undefined);
  }
}

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROGRAMS } from "../../src/hosts/render.ts";

/** A hypervisor's /run with one tenant's directory in it, where the programs of a change are run and looks are made. */
export class GatewayRun {
  readonly run = mkdtempSync(join(tmpdir(), "evenkeel-run-"));
  /** The tenant's directory. */
  readonly files: string;
  readonly #environment: NodeJS.ProcessEnv;
  /** What was started here. */
  readonly #pids = new Set<number>();

  /**
   * @param directory the tenant's, under /run
   * @param environment of what is run, out of where that /run is
   */
  constructor(directory: string, environment: (run: string) => NodeJS.ProcessEnv) {
    this.files = join(this.run, directory);
    this.#environment = { ...process.env, ...environment(this.run) };
  }

  sh(script: string, input = ""): { readonly status: number | null; readonly stdout: string } {
    return spawnSync("sh", ["-c", script.replaceAll("/run/", `${this.run}/`)], {
      input,
      encoding: "utf8",
      env: this.#environment,
    });
  }

  /** Runs one of the programs; returns its exit status and the process that is written down then. */
  program(words: string, input: string, before = ""): { status: number | null; pid: number } {
    const { status } = this.sh(`${PROGRAMS}\n${before}\n${words}`, input);
    const file = join(this.files, "pid");
    const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    if (pid > 0) this.#pids.add(pid);
    return { status, pid };
  }

  /** What a look's script prints. */
  look(script: string): string {
    return this.sh(script).stdout.replaceAll(`${this.run}/`, "/run/");
  }

  /** Writes a file of the tenant's. */
  write(name: string, text: string): void {
    mkdirSync(this.files, { recursive: true });
    writeFileSync(join(this.files, name), text);
  }

  /** A process that ends with this as well. */
  own(pid = 0): number {
    this.#pids.add(pid);
    return pid;
  }

  end(): void {
    for (const pid of this.#pids) if (pid > 0 && isAlive(pid)) process.kill(pid, "SIGKILL");
    rmSync(this.run, { recursive: true });
  }
}

/** Whether a process runs, and is not merely waited for. */
export const isAlive = (pid: number): boolean =>
  spawnSync("test", ["-e", `/proc/${pid}/ns/net`]).status === 0;

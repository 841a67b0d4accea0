import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asError, EvenkeelError } from "../api/errors.ts";

/** A state directory held by this process. */
export interface Hold {
  release(): Promise<void>;
}

/**
 * Holds a directory by a lock that the kernel gives back when this process ends, however it ends: `flock` keeps it in a
 * child that lives as long as its standard input. The child has a process group of its own, so that a Ctrl-C, which
 * this process answers by ending in good order, does not give the lock away meanwhile.
 * @throws EvenkeelError EK-STATE-HELD, naming the holder
 */
export async function holdDirectory(directory: string, holder: string): Promise<Hold> {
  const lock = join(directory, "lock");
  const child = spawn("flock", ["-n", lock, "sh", "-c", "echo held; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  const ended = once(child, "exit");
  const held = await Promise.race([
    once(child.stdout, "data").then(() => true),
    ended.then(() => false),
    once(child, "error").then(([error]) => {
      throw new EvenkeelError("EK-STATE-HELD", `${lock} cannot be locked: ${asError(error).message}`, {
        cause: error,
        fix: "apt-get install -y util-linux (it brings flock)",
      });
    }),
  ]);
  const note = join(directory, "holder");
  // guard: one controller
  if (!held) {
    const other = await readFile(note, "utf8").catch(() => "another process");
    throw new EvenkeelError("EK-STATE-HELD", `${directory} is held by ${other.trim()}`, {
      fix: "wait until it ends, or give another --state-dir",
    });
  }
  await writeFile(note, `${holder}\n`, { mode: 0o600 });
  child.unref();
  return {
    async release() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

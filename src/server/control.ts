import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, request as ask, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text as read } from "node:stream/consumers";
import { asError, EvenkeelError } from "../api/errors.ts";
import type { Instruction } from "../replicas/instruction.ts";

/** Where a daemon is spoken to, in its state directory, which nobody else may enter. */
const socketIn = (directory: string): string => join(directory, "control.sock");

/** More than any instruction takes, in bytes. */
const LONGEST = 64 * 1024;

export interface ControlServer {
  close(): Promise<void>;
}

/**
 * Takes operators' instructions on a socket in the state directory. Whoever can open it could write the ledger as well.
 * @param carryOut resolves when the instruction can no longer be lost
 */
export async function serveControl(
  directory: string,
  carryOut: (instruction: Instruction) => Promise<void>,
): Promise<ControlServer> {
  const path = socketIn(directory);
  const server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    taken(request, carryOut).then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(asError(error).message),
    );
  });
  // The directory is held by this process: what lies here was left by one that was killed.
  await rm(path, { force: true });
  server.listen(path);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new EvenkeelError("EK-LISTEN", `cannot listen on ${path}: ${asError(error).message}`, {
      cause: error,
      fix: "give a --state-dir whose path is shorter than 90 characters",
    });
  }
  // guard: who may ask
  await chmod(path, 0o600);
  return {
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function taken(
  request: IncomingMessage,
  carryOut: (instruction: Instruction) => Promise<void>,
): Promise<void> {
  const body = await read(request);
  if (body.length > LONGEST) throw new RangeError("too long for an instruction");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border: our own program wrote it, as this user
  await carryOut(JSON.parse(body) as Instruction);
}

/** Whether a daemon listens in a state directory. */
export async function isDaemonIn(directory: string): Promise<boolean> {
  try {
    await send(directory, "GET", "");
    return true;
  } catch {
    return false;
  }
}

/**
 * Gives an instruction to the daemon of a state directory; resolves when it can no longer be lost.
 * @throws EvenkeelError EK-STATE-WRITE when the daemon could not keep it
 */
export async function instruct(directory: string, instruction: Instruction): Promise<void> {
  const { status, body } = await send(directory, "POST", JSON.stringify(instruction));
  if (status !== 204) throw new EvenkeelError("EK-STATE-WRITE", `the daemon did not take it: ${body}`);
}

async function send(
  directory: string,
  method: string,
  body: string,
): Promise<{ status: number; body: string }> {
  const request = ask({ socketPath: socketIn(directory), method, path: "/instructions" });
  request.end(body);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- events are not typed
  const [response] = (await once(request, "response")) as unknown[] as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await read(response) };
}

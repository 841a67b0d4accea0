import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { HypervisorName } from "../../src/api/names.ts";
import { fingerprint } from "../../src/hosts/host-key.ts";
import { SshShell } from "../../src/hosts/ssh.ts";

interface KeyPair {
  readonly private: string;
  readonly public: string;
}

/** What is used here of the SSH implementation beneath node-ssh, which has a server too. */
interface Ssh2 {
  readonly utils: { generateKeyPairSync(type: "ed25519"): KeyPair };
  readonly Server: new (
    options: { readonly hostKeys: readonly string[] },
    connected: (client: Connected) => void,
  ) => Server;
}
interface Connected {
  on(event: "error", listener: () => void): this;
  on(event: "authentication", listener: (attempt: { accept(): void }) => void): this;
  on(event: "session", listener: (accept: () => Session) => void): this;
}
interface Session {
  on(event: "exec", listener: (accept: () => Stream) => void): this;
}
interface Stream {
  write(text: string): void;
  exit(code: number): void;
  end(): void;
}

const own = createRequire(import.meta.url);
const { Server: SshServer, utils } = createRequire(own.resolve("node-ssh"))("ssh2") as Ssh2;

/** An SSH server that lets everybody in, and answers every command with a word. */
const hostKey = utils.generateKeyPairSync("ed25519");
const server = new SshServer({ hostKeys: [hostKey.private] }, (client) => {
  client.on("error", () => {});
  client.on("authentication", (attempt) => attempt.accept());
  client.on("session", (accept) =>
    accept().on("exec", (begin) => {
      const stream = begin();
      stream.write("ran");
      stream.exit(0);
      stream.end();
    }),
  );
});
const directory = mkdtempSync(join(tmpdir(), "evenkeel-ssh-"));
const identityFile = join(directory, "id");

beforeAll(async () => {
  writeFileSync(identityFile, utils.generateKeyPairSync("ed25519").private, { mode: 0o600 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await new Promise((resolve) => server.close(resolve));
});

async function run(hostKeys: readonly string[]): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const target = { address: "127.0.0.1", port, user: "root", identityFile, hostKeys };
  const shell = new SshShell({ name: "hv1" as HypervisorName, ...target });
  try {
    const { signal } = new AbortController();
    return (await shell.run("true", { deadlineSeconds: 5, signal })).stdout;
  } finally {
    await shell.close();
  }
}

describe("a hypervisor", () => {
  const print = fingerprint(Buffer.from(hostKey.public.split(" ")[1] ?? "", "base64"));

  test("that has the key of its manifest is talked to", async () => {
    expect(await run([print])).toBe("ran");
  });

  test.each([
    ["another key", [`SHA256:${"A".repeat(43)}`]],
    ["no key by its manifest", []],
  ])("that has %s hears nothing from us", async (_, hostKeys) => {
    await expect(run(hostKeys)).rejects.toMatchObject({
      code: "EK-HOST-KEY",
      message: expect.stringContaining(print),
    });
  });
});

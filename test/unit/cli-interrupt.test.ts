import { execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { VALID, write } from "./manifests-tree.ts";

/** Below node_modules, so that packages are found. */
const build = join(process.cwd(), "node_modules", ".cache", "evenkeel", "interrupt");
const folder = mkdtempSync(join(tmpdir(), "evenkeel-interrupt-"));
const sockets = new Set<Socket>();
/** Hypervisors that take every connection and never say a word. */
const mute = (): Server => createServer((socket) => sockets.add(socket.on("error", () => {})));
const hypervisors = { hv1: mute(), hv2: mute() };
let tree: string;

beforeAll(async () => {
  execFileSync("node", ["hack/build.mjs", build]);
  const files: Record<string, string> = { ...VALID };
  for (const [name, server] of Object.entries(hypervisors)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(join(folder, `id_${name}`), privateKey.export({ type: "sec1", format: "pem" }), {
      mode: 0o600,
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const file = `provider/${name}.yaml`;
    files[file] = (files[file] ?? "").replace(
      /ssh: {address: [\d.]+/,
      `ssh: {address: 127.0.0.1, port: ${port}`,
    );
  }
  tree = write(files);
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of Object.values(hypervisors)) server.close();
  rmSync(build, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the real program, and sends it a signal when it waits for an answer. */
async function interrupted(
  words: readonly string[],
  signal: NodeJS.Signals,
): Promise<{ code: number | null; killed: string | null; stdout: string; stderr: string }> {
  const directories = ["--state-dir", join(folder, "state"), "--keys-dir", folder];
  const child = spawn("node", [join(build, "reconcile.js"), ...words, ...directories]);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const asked = Object.values(hypervisors).map((server) => once(server, "connection"));
  await Promise.race([...asked, once(child, "close")]);
  child.kill(signal);
  if (child.exitCode === null) await once(child, "close");
  return { code: child.exitCode, killed: child.signalCode, stdout, stderr };
}

describe("a signal, while no hypervisor has answered yet", () => {
  test.each([
    ["get", "SIGINT", ["get", "all", "-f"], 130],
    ["describe", "SIGINT", ["describe", "tenant/t1", "-f"], 130],
    ["top", "SIGINT", ["top", "-f"], 130],
    ["wait", "SIGINT", ["wait", "tenant/t1", "--for", "Ready", "-f"], 130],
    ["plan", "SIGINT", ["plan"], 130],
    ["diff", "SIGINT", ["diff"], 130],
    ["approve", "SIGINT", ["approve", "1234567"], 130],
    ["--once --dry-run", "SIGINT", ["--once", "--dry-run"], 130],
    ["get", "SIGTERM", ["get", "all", "-f"], 143],
  ] as const)("ends %s with one line after %s", async (_, signal, words, code) => {
    const ended = await interrupted([...words, tree], signal);
    expect(ended).toMatchObject({ code, killed: null, stdout: "" });
    // Before it stands, for some, what they work on.
    expect(ended.stderr).toMatch(
      new RegExp(`^(fleet campus · [^]*\\n)?${signal}: ended without an answer; nothing was changed\\n$`),
    );
    expect(ended.stderr).not.toMatch(/\berror\b|\n\s+at /);
  });
});

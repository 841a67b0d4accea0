import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { asError } from "../../src/api/errors.ts";
import { health, readiness } from "../../src/server/health.ts";
import { DEFAULT_LISTEN, isAllowedHost, parseListen, showListen } from "../../src/server/listen.ts";
import { exposition } from "../../src/server/metrics.ts";
import { type Route, serve, type Server } from "../../src/server/server.ts";
import { counted, SNAPSHOT } from "./metrics-values.ts";

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serving(routes: Readonly<Record<string, Route>>, host = "127.0.0.1") {
  const errors: Error[] = [];
  const server = await serve({ host, port: 0 }, routes, (error) => errors.push(error));
  open.push(server);
  return { server, errors, at: `http://${showListen(server.listen)}` };
}

/** Asks with headers that `fetch` would not send. */
async function ask(at: string, options: { headers?: Record<string, string>; agent?: Agent }) {
  const asked = request(at, options);
  asked.end();
  const [response] = await once(asked, "response");
  response.resume();
  await once(response, "end");
  return response;
}

describe("over HTTP", () => {
  test("metrics are what Prometheus reads", async () => {
    const { at } = await serving({ "/metrics": exposition(counted(), () => SNAPSHOT) });
    const response = await fetch(`${at}/metrics?x=1`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toContain('\nevenkeel_hypervisor_up{hypervisor="hv2"} 0\n');
  });

  test("alive is who answers; ready is who knows what it works on, and says what is missing", async () => {
    let missing = ["manifests were not read yet", "no pass over the fleet has ended yet"];
    const { at } = await serving({ "/healthz": health(), "/readyz": readiness(() => missing) });
    const get = async (path: string): Promise<readonly [number, string]> => {
      const response = await fetch(at + path);
      return [response.status, await response.text()];
    };
    expect(await get("/healthz")).toEqual([200, "ok\n"]);
    expect(await get("/readyz")).toEqual([503, `${missing.join("\n")}\n`]);
    missing = [];
    expect(await get("/readyz")).toEqual([200, "ok\n"]);
    expect((await get("/"))[0]).toBe(404);
    expect((await get("/constructor"))[0]).toBe(404);
  });

  test("nothing can be changed", async () => {
    const { at } = await serving({ "/healthz": health() });
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const response = await fetch(`${at}/healthz`, { method, ...(method === "POST" && { body: "x" }) });
      expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      await response.text();
    }
    const head = await fetch(`${at}/healthz`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "3", ""]);
  });

  test("a name that somebody else made point here is not answered", async () => {
    const { at, server } = await serving({ "/healthz": health() });
    const status = async (host: string): Promise<number | undefined> =>
      (await ask(`${at}/healthz`, { headers: { host } })).statusCode;
    expect(await status("evil.example")).toBe(421);
    expect(await status("127.evil.example")).toBe(421);
    expect(await status(`localhost:${server.listen.port}`)).toBe(200);
    expect(await status(`[::1]:${server.listen.port}`)).toBe(200);
    expect(isAllowedHost("any.example", { host: "0.0.0.0", port: 1 })).toBe(true);
    expect(isAllowedHost(undefined, { host: "127.0.0.1", port: 1 })).toBe(false);
  });

  test("what fails is told to the log, not to who asks", async () => {
    const { at, errors } = await serving({
      "/metrics": () => {
        throw new Error("secret");
      },
    });
    const response = await fetch(`${at}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(errors.map(({ message }) => message)).toEqual(["secret"]);
  });

  test("it ends at once, whoever is connected", async () => {
    const { at, server } = await serving({ "/healthz": health() });
    const agent = new Agent({ keepAlive: true });
    await ask(`${at}/healthz`, { agent });
    const silent = connect(server.listen.port, server.listen.host);
    await once(silent, "connect");
    const ended = once(silent, "close");
    silent.on("error", () => {});
    await open.pop()?.close();
    await ended;
    agent.destroy();
    await expect(fetch(`${at}/healthz`)).rejects.toThrow();
  });

  test("a port that is taken is an error that says what to do", async () => {
    const { server } = await serving({});
    const error = await serve(server.listen, {}, () => {}).catch(asError);
    expect(error).toMatchObject({ code: "EK-LISTEN", fix: expect.stringContaining("--listen") });
    expect(asError(error).message).toContain(`127.0.0.1:${server.listen.port}`);
  });
});

test("where to listen", () => {
  expect(parseListen(DEFAULT_LISTEN)).toEqual({ host: "127.0.0.1", port: 9478 });
  expect(parseListen("[::1]:0")).toEqual({ host: "::1", port: 0 });
  expect(parseListen("localhost:80")).toEqual({ host: "localhost", port: 80 });
  expect(showListen({ host: "::1", port: 80 })).toBe("[::1]:80");
  for (const wrong of [
    "9478",
    ":9478",
    "::1:9478",
    "example.org:80",
    "127.0.0.1:65536",
    "127.0.0.1:",
    "[1.2.3.4]:1",
  ])
    expect(parseListen(wrong)).toBeUndefined();
});

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Ipv4 } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import type { HypervisorName } from "../../src/api/names.ts";
import { DockerEngine } from "../../src/hosts/docker.ts";
import { reference } from "../../src/hosts/docker-request.ts";
import type { ContainerRequest } from "../../src/resources/operation.ts";
import { SocketAgent } from "../../src/hosts/socket-agent.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const { signal } = new AbortController();

const REQUEST: ContainerRequest = {
  name: "web-1a2b3c4d",
  hostname: "web-3",
  image: "evenkeel/web:1",
  command: undefined,
  env: [{ name: "GREETING", value: "a b=c" }],
  labels: { "evenkeel.fleet": "f1" },
  resolver: trusted<Ipv4>("10.13.13.1"),
  searchDomains: ["web.t2.internal", "t2.internal"],
  nanoCpus: 500_000_000,
  memory: 64 * 1024 * 1024,
};

const INSPECTED = {
  Id: "0123456789abcdef",
  Config: { Image: "evenkeel/web:1", Labels: { "evenkeel.fleet": "f1", "from.image": "x" } },
  State: { Running: true, ExitCode: 0 },
  NetworkSettings: { SandboxKey: "/run/docker/netns/0a" },
};

const json =
  (status: number, body: unknown): Answer =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };

const cut: Answer = (request) => request.socket.destroy();

let folder: string;
let server: Server;
let agent: SocketAgent;
let engine: DockerEngine;
/** What the engine was asked, `POST /containers/create?name=x`, and what it answers, by method and path. */
let asked: string[];
let bodies: string[];
let answers: Record<string, Answer[]>;

/** Gives the answers to one request in turn; the last of them again and again. */
async function answerTo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  bodies.push(await text(request));
  asked.push(`${request.method} ${request.url}`);
  const given = answers[`${request.method} ${request.url?.split("?")[0]}`] ?? [];
  const answer = given.length > 1 ? given.shift() : given[0];
  (answer ?? json(500, { message: "not expected" }))(request, response);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "evenkeel-docker-"));
  [asked, bodies, answers] = [[], [], {}];
  server = createServer((request, response) => void answerTo(request, response));
  server.listen(join(folder, "docker.sock"));
  await once(server, "listening");
  agent = new SocketAgent(async () => connect(join(folder, "docker.sock")));
  engine = new DockerEngine("hv1" as HypervisorName, async () => agent, "look at Docker");
});

afterEach(async () => {
  agent.destroy();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

describe("Docker's list", () => {
  test("is told in our words", async () => {
    answers["GET /containers/json"] = [
      json(200, [
        {
          Id: "1",
          Names: ["/other/alias", "/web"],
          Image: "i:1",
          ImageID: "sha256:1",
          State: "exited",
          Labels: { a: "b" },
        },
      ]),
    ];
    await expect(engine.list(signal)).resolves.toEqual([
      { id: "1", name: "web", image: "i:1", imageId: "sha256:1", state: "exited", labels: { a: "b" } },
    ]);
    expect(asked).toEqual(["GET /containers/json?all=true"]);
  });

  test("is asked for at most four times at once", async () => {
    let open = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    answers["GET /containers/json"] = [
      (request, response) => {
        most = Math.max(most, ++open);
        waiting.push(() => {
          open--;
          json(200, [])(request, response);
        });
        // The first four wait for each other, so a lower bound would hang; a fifth has time to show a higher one.
        if (waiting.length === 4) setTimeout(() => waiting.splice(0).forEach((answer) => answer()), 50);
      },
    ];
    await Promise.all(Array.from({ length: 8 }, () => engine.list(signal)));
    expect(most).toBe(4);
  });

  test("comes although Docker was restarted behind every kept line", async () => {
    answers["GET /containers/json"] = [json(200, [])];
    const kept = new Set<Socket>();
    const keep = (socket: Socket) => kept.add(socket);
    server.on("connection", keep);
    await Promise.all(Array.from({ length: 4 }, () => engine.list(signal)));
    server.off("connection", keep);
    expect(kept.size).toBe(4);
    answers["GET /containers/json"] = [
      (request, response) => (kept.has(request.socket) ? cut : json(200, []))(request, response),
    ];
    await expect(engine.list(signal)).resolves.toEqual([]);
  });

  test("is given up when the line is cut again and again", async () => {
    answers["GET /containers/json"] = [cut];
    await expect(engine.list(signal)).rejects.toMatchObject({ code: "EK-DOCKER", fix: "look at Docker" });
    expect(asked).toHaveLength(2);
  });

  test("is given up on the caller's signal, before the answer and in the midst of it", async () => {
    for (const begin of [() => undefined, (response: ServerResponse) => response.write("[")]) {
      const calledOff = new AbortController();
      answers["GET /containers/json"] = [
        (_request, response) => {
          begin(response);
          setImmediate(() => calledOff.abort());
        },
      ];
      const message = "hv1: Docker: list containers: called off";
      await expect(engine.list(calledOff.signal)).rejects.toMatchObject({ code: "EK-DOCKER", message });
    }
  });

  test("is trouble when Docker is not there", async () => {
    const nowhere = new SocketAgent(async () => connect(join(folder, "no.sock")));
    const broken = new DockerEngine("hv1" as HypervisorName, async () => nowhere, "look at Docker");
    await expect(broken.list(signal)).rejects.toMatchObject({
      code: "EK-DOCKER",
      message: expect.stringContaining("ENOENT"),
    });
  });

  test("does not depend on the DOCKER_… variables of this process", async () => {
    const before = { ...process.env };
    Object.assign(process.env, { DOCKER_HOST: "tcp://192.0.2.1:1", DOCKER_TLS_VERIFY: "1" });
    answers["GET /containers/json"] = [json(200, [])];
    await expect(engine.list(signal)).resolves.toEqual([]);
    process.env = before;
  });

  test("is not looked for where a redirect points", async () => {
    const elsewhere = createServer((_request, response) => response.end("[]"));
    let visits = 0;
    elsewhere.on("connection", () => visits++).listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    answers["GET /containers/json"] = [(_request, response) => response.writeHead(301, { location }).end()];
    await expect(engine.list(signal)).rejects.toMatchObject({ code: "EK-DOCKER" });
    expect(visits).toBe(0);
    elsewhere.close();
  });
});

describe("an image", () => {
  test("has an id, or is not there", async () => {
    answers["GET /images/evenkeel%2Fweb%3A1/json"] = [
      json(200, { Id: "sha256:1" }),
      json(404, { message: "no" }),
    ];
    await expect(engine.imageId("evenkeel/web:1", signal)).resolves.toBe("sha256:1");
    await expect(engine.imageId("evenkeel/web:1", signal)).resolves.toBeUndefined();
  });

  test("whose name looks like a path stays a name", async () => {
    await expect(engine.imageId("../containers/json?all=1", signal)).rejects.toMatchObject({
      code: "EK-DOCKER",
    });
    expect(asked).toEqual(["GET /images/..%2Fcontainers%2Fjson%3Fall%3D1/json"]);
  });

  test.each([
    ["web", "web", "latest"],
    ["evenkeel/web:1", "evenkeel/web", "1"],
    ["registry:5000/web", "registry:5000/web", "latest"],
    ["registry:5000/web:2", "registry:5000/web", "2"],
    ["web@sha256:ab", "web", "sha256:ab"],
  ])("%s is pulled as %s, %s", (image, fromImage, tag) => {
    expect(reference(image)).toEqual({ fromImage, tag });
  });

  test("is pulled when the progress ends well", async () => {
    answers["POST /images/create"] = [
      (_request, response) => response.end('{"status":"Pulling"}\n{"status":"Done"}\n'),
    ];
    await expect(engine.pull("web", signal)).resolves.toBeUndefined();
    expect(asked[0]).toContain("fromImage=web");
    expect(asked[0]).toContain("tag=latest");
  });

  test("is not pulled when the progress says so, although the answer began with 200", async () => {
    answers["POST /images/create"] = [
      (_request, response) => {
        response.write('{"status":"Pulling"}\n{"errorDetail":{"message":"x"},"error":"manifest ');
        response.end('unknown: \\"web\\""}\n');
      },
    ];
    const message = 'hv1: Docker: pull image web: manifest unknown: "web"';
    await expect(engine.pull("web", signal)).rejects.toMatchObject({ code: "EK-CHANGE-FAILED", message });
  });
});

describe("a container", () => {
  beforeEach(() => {
    answers["POST /containers/create"] = [json(201, { Id: INSPECTED.Id })];
    answers[`POST /containers/${INSPECTED.Id}/start`] = [json(204, undefined)];
    answers[`GET /containers/${INSPECTED.Id}/json`] = [json(200, INSPECTED)];
    answers["GET /containers/web-1a2b3c4d/json"] = [json(200, INSPECTED)];
  });

  test("is created without a network, bounded, and started", async () => {
    const started = { id: INSPECTED.Id, sandbox: "/run/docker/netns/0a" };
    await expect(engine.start(REQUEST, signal)).resolves.toEqual(started);
    expect(asked[0]).toBe("POST /containers/create?name=web-1a2b3c4d");
    expect(JSON.parse(bodies[0] ?? "")).toEqual({
      Hostname: "web-3",
      Image: "evenkeel/web:1",
      Env: ["GREETING=a b=c"],
      Labels: { "evenkeel.fleet": "f1" },
      HostConfig: {
        NetworkMode: "none",
        Dns: ["10.13.13.1"],
        DnsSearch: ["web.t2.internal", "t2.internal"],
        RestartPolicy: { Name: "no" },
        Sysctls: { "net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1" },
        NanoCpus: 500_000_000,
        Memory: 67_108_864,
        MemorySwap: 67_108_864,
        PidsLimit: 4096,
        CapDrop: ["NET_RAW"],
        SecurityOpt: ["no-new-privileges"],
        Init: false,
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
      },
    });
  });

  test("runs the image's own command unless it is given another", async () => {
    await engine.start({ ...REQUEST, command: ["sleep", "9"] }, signal);
    expect(JSON.parse(bodies[0] ?? "")).toMatchObject({ Cmd: ["sleep", "9"] });
  });

  test("has directories of the hypervisor's, of which it may write some and only read others", async () => {
    const mounts = [
      { directory: "/a", inside: "/b", readOnly: false },
      { directory: "/c", inside: "/d", readOnly: true },
    ];
    await engine.start({ ...REQUEST, mounts }, signal);
    expect(JSON.parse(bodies[0] ?? "")).toMatchObject({ HostConfig: { Binds: ["/a:/b", "/c:/d:ro"] } });
  });

  test("that runs already is started", async () => {
    answers[`POST /containers/${INSPECTED.Id}/start`] = [
      (_request, response) => response.writeHead(304).end(),
    ];
    await expect(engine.start(REQUEST, signal)).resolves.toMatchObject({ id: INSPECTED.Id });
  });

  test("made before, of which the answer was lost, is started and not made again", async () => {
    answers["POST /containers/create"] = [cut, json(409, { message: "Conflict" })];
    await expect(engine.start(REQUEST, signal)).resolves.toMatchObject({ id: INSPECTED.Id });
  });

  test("of somebody else under the same name is left alone and named", async () => {
    answers["POST /containers/create"] = [json(409, { message: "Conflict" })];
    const foreign = { ...REQUEST, labels: { "evenkeel.fleet": "f2" } };
    await expect(engine.start(foreign, signal)).rejects.toMatchObject({
      code: "EK-CHANGE-FAILED",
      message: expect.stringContaining("taken by container 0123456789ab of image evenkeel/web:1"),
    });
    expect(asked.filter((line) => line.includes("/start"))).toEqual([]);
  });

  test("without its image is refused, and the image named", async () => {
    answers["POST /containers/create"] = [json(404, { message: "No such image: evenkeel/web:1" })];
    const message = "hv1: Docker: create container web-1a2b3c4d: No such image: evenkeel/web:1";
    await expect(engine.start(REQUEST, signal)).rejects.toMatchObject({ code: "EK-CHANGE-FAILED", message });
  });

  test("that ends at once has not been started", async () => {
    const ended = { ...INSPECTED, State: { Running: false, ExitCode: 7 } };
    answers[`GET /containers/${INSPECTED.Id}/json`] = [json(200, ended)];
    await expect(engine.start(REQUEST, signal)).rejects.toMatchObject({
      code: "EK-CHANGE-FAILED",
      message: expect.stringContaining("exit code 7"),
    });
  });

  test("has a sandbox only while it runs", async () => {
    const ended = { ...INSPECTED, State: { Running: false, ExitCode: 0 } };
    answers[`GET /containers/${INSPECTED.Id}/json`] = [json(200, INSPECTED), json(200, ended), json(404, {})];
    await expect(engine.sandbox(INSPECTED.Id, signal)).resolves.toBe("/run/docker/netns/0a");
    await expect(engine.sandbox(INSPECTED.Id, signal)).resolves.toBeUndefined();
    await expect(engine.sandbox(INSPECTED.Id, signal)).resolves.toBeUndefined();
  });
});

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { asError, codeOf, EvenkeelError } from "../api/errors.ts";
import { type Listen, isAllowedHost, showListen } from "./listen.ts";

/** What a route answers. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Answers a question at one path, or at all paths of one form, of which it is given what stands at `{name}`. What it throws
 * is told as an error of the server.
 */
export type Route = (name: string) => Answer | Promise<Answer>;

export interface Server {
  /** Where it listens; the port that was given out where 0 was asked for. */
  readonly listen: Listen;
  /** Ends it with what is still connected. */
  close(): Promise<void>;
}

const METHODS = ["GET", "HEAD"];

/**
 * Answers over HTTP, read-only. Plain `node:http`: a few fixed paths need no router.
 * @param routes by path; `{name}` in one stands for any name, a DNS label
 * @param onError told what a route has thrown
 * @throws EvenkeelError EK-LISTEN when it cannot listen there
 */
export async function serve(
  listen: Listen,
  routes: Readonly<Record<string, Route>>,
  onError: (error: Error) => void,
): Promise<Server> {
  const known = Object.entries(routes).map(([path, route]) => ({ path, form: formOf(path), route }));
  const server = createServer((request, response) => {
    respond(request, listen, known).then(
      (answer) => send(request, response, answer),
      (error: unknown) => {
        onError(asError(error));
        send(request, response, text(500, "this could not be answered; the daemon's log says why"));
      },
    );
  });
  server.listen(listen.port, listen.host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw cannotListen(listen, asError(error));
  }
  server.on("error", onError);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : listen.port;
  return {
    listen: { ...listen, port },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface KnownRoute {
  readonly path: string;
  readonly form: RegExp;
  readonly route: Route;
}

const formOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(".", "\\.").replace("{name}", "([a-z0-9-]{1,32})")}$`);

/** A sentence for people, with a line end. */
export const text = (status: number, body: string): Answer => ({
  status,
  contentType: "text/plain; charset=utf-8",
  body: `${body}\n`,
});

async function respond(
  { method = "", url = "", headers }: IncomingMessage,
  listen: Listen,
  routes: readonly KnownRoute[],
): Promise<Answer> {
  // A page in somebody's browser can have a name of its own point here, but cannot ask for ours.
  if (!isAllowedHost(headers.host, listen))
    return text(421, "ask for this server by its address or localhost");
  const path = url.split("?", 1)[0] ?? "";
  for (const { form, route } of routes) {
    const found = form.exec(path);
    if (found === null) continue;
    return METHODS.includes(method) ? route(found[1] ?? "") : text(405, "this can only be read");
  }
  return text(404, `there are ${routes.map((one) => one.path).join(", ")}`);
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body }: Answer,
): void {
  // What was sent along is not read; the connection is of no more use then.
  const isReusable = METHODS.includes(request.method ?? "");
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 405 && { allow: METHODS.join(", ") }),
    ...(!isReusable && { connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function cannotListen(listen: Listen, error: Error): EvenkeelError {
  const fixes: Readonly<Record<string, string>> = {
    EADDRINUSE: `end what listens there (ss -ltnp), or give another address: --listen ${listen.host}:0 takes any free port`,
    EACCES: "give a port of 1024 or above",
    EADDRNOTAVAIL: "give an address of this machine",
  };
  return new EvenkeelError("EK-LISTEN", `cannot listen on ${showListen(listen)}: ${error.message}`, {
    cause: error,
    fix: fixes[codeOf(error)] ?? "give another address with --listen",
  });
}

// Open-loop load from the client host: `node client.mjs URL MILLISECONDS [CONNECTIONS [BYTES RATE]]`.
//
// A request each so many milliseconds, whether or not the one before has been answered. Each on a connection of its own;
// with CONNECTIONS, every second one goes round on so many connections that are kept, each of which ends after ten requests
// for another to begin. With BYTES and RATE (bytes a second), a download begins six times a second besides, and it is told
// on standard error from whom.
//
// Ends on SIGTERM when all have been answered, and then prints a line of JSON for each: its number, what it went by, from
// and until when, who answered, with which version, or what went wrong. Nothing is ever asked for again.
import http from "node:http";

const [url, milliseconds, connections = 0, bytes = 0, rate = 0] = process.argv.slice(2);
const REQUESTS_EACH = 10;
const DOWNLOADS_EVERY = 160;

const results = [];
let number = 0;
let open = 0;
let ending = false;

function request(by, path, options, read) {
  const n = ++number;
  const began = Date.now();
  open++;
  let isOver = false;
  let hasBegun = false;
  const done = (result) => {
    if (isOver) return;
    isOver = true;
    results.push({ n, by, began, ended: Date.now(), ...result });
    open--;
    finish();
  };
  // Cut is what was under way: an answer that had begun, or a connection that had carried others before.
  const failed = ({ message }) =>
    done({ status: 0, error: message, cut: hasBegun || asked.reusedSocket });
  const asked = http.get(new URL(path, url), { timeout: 5000, ...options }, (response) => {
    hasBegun = true;
    const { statusCode: status, headers } = response;
    const port = asked.socket.localPort;
    if (by === "download") console.error(`download from ${headers["x-hostname"]}`);
    const chunks = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", () =>
      done({ status, port, hostname: headers["x-hostname"], ...read(Buffer.concat(chunks)) }),
    );
    response.on("error", failed);
  });
  asked.on("timeout", () => asked.destroy(new Error("no answer in 5 s")));
  asked.on("error", failed);
}

const kept = Array.from({ length: Number(connections) }, () => ({
  agent: new http.Agent({ keepAlive: true, maxSockets: 1 }),
  requests: 0,
}));
let turns = 0;

function ask() {
  const turn = turns++;
  const one = turn % 2 === 1 ? kept[((turn - 1) / 2) % kept.length] : undefined;
  if (!one) return request("new", "/", { agent: false }, (body) => JSON.parse(body));
  one.requests++;
  const isLast = one.requests % REQUESTS_EACH === 0;
  const headers = isLast ? { Connection: "close" } : {};
  request("kept", "/", { agent: one.agent, headers }, (body) => JSON.parse(body));
}

const download = () =>
  request("download", `/bytes?n=${bytes}&rate=${rate}`, { agent: false }, ({ length }) => ({
    bytes: length,
  }));

function finish() {
  if (!ending || open > 0) return;
  process.stdout.write(results.map((result) => `${JSON.stringify(result)}\n`).join(""));
  for (const { agent } of kept) agent.destroy();
}

// A timer that comes late is made up for: the load does not depend on how busy the machine is.
const first = Date.now();
const timers = [
  setInterval(() => {
    const due = (Date.now() - first) / Number(milliseconds);
    while (turns < due) ask();
  }, Number(milliseconds)),
];
if (bytes > 0) timers.push(setInterval(download, DOWNLOADS_EVERY));
process.on("SIGTERM", () => {
  ending = true;
  for (const timer of timers) clearInterval(timer);
  finish();
});
console.error("begun");

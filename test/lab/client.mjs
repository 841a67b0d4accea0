// Open-loop load from the client host: `node client.mjs URL MILLISECONDS`. A request each so many milliseconds, whether or
// not the one before has been answered, each on a connection of its own. Ends on SIGTERM when all have been answered, and
// then prints a line of JSON for each: its number, who answered, with which version, or what went wrong.
import http from "node:http";

const [url, milliseconds] = process.argv.slice(2);
const results = [];
let number = 0;
let open = 0;
let ending = false;

function request() {
  const n = ++number;
  open++;
  const done = (result) => {
    results.push({ n, ...result });
    open--;
    finish();
  };
  const asked = http.get(url, { agent: false, timeout: 5000 }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (text) => (body += text));
    response.on("end", () => done({ status: response.statusCode, ...JSON.parse(body) }));
    response.on("error", (error) => done({ status: 0, error: error.message }));
  });
  asked.on("timeout", () => asked.destroy(new Error("no answer in 5 s")));
  asked.on("error", (error) => done({ status: 0, error: error.message }));
}

function finish() {
  if (!ending || open > 0) return;
  process.stdout.write(results.map((result) => `${JSON.stringify(result)}\n`).join(""));
}

const timer = setInterval(request, Number(milliseconds));
process.on("SIGTERM", () => {
  ending = true;
  clearInterval(timer);
  finish();
});
console.error("begun");

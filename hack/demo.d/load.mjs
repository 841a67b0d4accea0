// Open-loop load on the lab's web server: `node load.mjs ADDRESS LOG RATE:SECONDS:BURN_MS…`. So many requests a second,
// whether or not those before have been answered, each burning so many ms of CPU; every other one on a kept-alive
// connection. Ends by itself. Writes a line for each request to LOG, and prints what came of all of them.
import { createWriteStream } from "node:fs";
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const [address, log, ...phases] = process.argv.slice(2);
const kept = new http.Agent({ keepAlive: true, maxSockets: 20 });
const lines = createWriteStream(log);
const asked = [];
let failed = 0;

function request(number, burn) {
  return new Promise((resolve) => {
    const begun = Date.now();
    const done = (result) => {
      if (result !== 200) failed++;
      lines.write(`${number} ${Date.now() - begun} ms ${result}\n`);
      resolve();
    };
    const path = burn > 0 ? `/burn?ms=${burn}` : "/healthz";
    const options = { host: address, path, agent: number % 2 === 0 ? kept : false, timeout: 15_000 };
    const sent = http.get(options, (response) => {
      response.resume();
      response.on("end", () => done(response.statusCode));
      response.on("error", (error) => done(error.message));
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in 15 s")));
    sent.on("error", (error) => done(error.message));
  });
}

for (const phase of phases) {
  const [rate, seconds, burn] = phase.split(":").map(Number);
  const begun = Date.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = begun + (n * 1000) / rate - Date.now();
    if (wait > 0) await pause(wait);
    asked.push(request(asked.length + 1, burn));
  }
}
await Promise.all(asked);
kept.destroy();
lines.end();
console.log(JSON.stringify({ sent: asked.length, failed }));

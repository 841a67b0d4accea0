// Loaded before the daemon by hack/soak-daemon: on SIGUSR2 it forces a collection, and writes down in megabytes what is left
// after it, and what was resident before.
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const directory = process.env.SOAK_DIRECTORY;
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(1);

writeFileSync(join(directory, "pid"), `${process.pid}\n`);
process.on("SIGUSR2", () => {
  const { rss } = process.memoryUsage();
  global.gc();
  const { heapUsed, external } = process.memoryUsage();
  const file = join(directory, "memory");
  writeFileSync(`${file}.new`, `${megabytes(heapUsed + external)} ${megabytes(rss)}\n`);
  renameSync(`${file}.new`, file);
});

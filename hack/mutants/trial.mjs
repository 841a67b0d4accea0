// Runs tests in a scratch copy.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { build } from "esbuild";

/** All tests that need no lab. */
export const EVERYTHING = ["test/unit", "test/simulation"];

/** Seconds after which tests are not waited for any more. */
const PATIENCE = 900;

/** Why the program does not hold together; undefined when it does. Types are not looked at. */
export async function loads({ directory }, file) {
  const options = { bundle: true, write: false, platform: "node", format: "esm", packages: "external" };
  const entryPoints = [join(directory, "src/main.ts"), join(directory, file)];
  return await build({ ...options, entryPoints, outdir: directory, logLevel: "silent" }).then(
    () => undefined,
    (error) => error.message,
  );
}

/** The first test that fails, of those whose path holds one of the words; undefined when all pass. */
export async function firstFailure({ directory }, words) {
  if (words.length === 0) return undefined;
  const results = join(directory, "results.json");
  await rm(results, { force: true });
  const jest = [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "node_modules/jest/bin/jest.js",
  ];
  const options = [
    "--silent",
    "--json",
    "--outputFile",
    results,
    "--cacheDirectory",
    join(directory, ".cache"),
  ];
  const child = spawn(process.execPath, [...jest, ...options, ...words], {
    cwd: directory,
    stdio: "ignore",
    timeout: PATIENCE * 1000,
  });
  await once(child, "exit");
  const text = await readFile(results, "utf8").catch(() => undefined);
  if (text === undefined)
    return { test: `no end after ${PATIENCE} s, or no tests: ${words.join(" ")}`, isBroken: true };
  const suites = JSON.parse(text).testResults.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const nameOf = (suite) => relative(directory, suite.name);
  for (const suite of suites) {
    const failed = suite.assertionResults.find(({ status }) => status === "failed");
    if (failed) return { test: `${nameOf(suite)}: ${failed.fullName}`, isBroken: false };
  }
  // A file that cannot be loaded shows nothing about a guard.
  const broken = suites.find(({ status }) => status === "failed");
  return (
    broken && { test: `${nameOf(broken)} cannot be run: ${broken.message.slice(0, 500)}`, isBroken: true }
  );
}

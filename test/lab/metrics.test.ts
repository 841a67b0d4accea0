import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { counted, SNAPSHOT } from "../unit/metrics-values.ts";

test("promtool has nothing to say about the metrics", async () => {
  const input = await counted().render(SNAPSHOT);
  const { stdout, stderr, status } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
});

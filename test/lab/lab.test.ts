import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";

/** The lab is what everything else is proved on, so it is proved first, by its own checks. */
test("the lab passes its selftest", () => {
  const { status, stdout, stderr } = spawnSync("hack/lab.d/selftest", { encoding: "utf8" });
  process.stdout.write(stdout);
  expect(stdout.split("\n").filter((line) => line.startsWith("FAIL"))).toEqual([]);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
}, 600_000);

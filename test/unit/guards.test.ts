import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";

test("the marks of guards in src/, their mutants, and the page of guards say the same", () => {
  const { status, stderr } = spawnSync(process.execPath, ["hack/mutants.mjs", "--check"], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

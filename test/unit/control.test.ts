import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { serveControl } from "../../src/server/control.ts";

test("the socket that operators speak to is nobody else's", async () => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-control-"));
  const before = process.umask(0o000);
  const server = await serveControl(directory, async () => {});
  process.umask(before);
  const { mode } = statSync(join(directory, "control.sock"));
  await server.close();
  rmSync(directory, { recursive: true });
  expect((mode & 0o777).toString(8)).toBe("600");
});

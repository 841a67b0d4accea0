import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { trusted } from "../../src/api/names.ts";
import { readMemory } from "../../src/ledger/file.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { FLEET } from "./scenario.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-ledger-"));
});
afterEach(() => rmSync(directory, { recursive: true }));
const file = (): string => join(directory, "ledger.json");

describe("the ledger's file", () => {
  test("is begun where there is none", async () => {
    expect(await readMemory(directory, FLEET)).toEqual(emptyMemory(FLEET));
  });

  test("is what was remembered", async () => {
    writeFileSync(file(), JSON.stringify({ ...emptyMemory(FLEET), epoch: 7 }));
    expect(await readMemory(directory, FLEET)).toMatchObject({ epoch: 7 });
  });

  test.each<[string, () => void]>([
    ["was cut off", () => writeFileSync(file(), '{"version":1,"fleet":"campus"')],
    ["is empty", () => writeFileSync(file(), "")],
    ["is no ledger", () => writeFileSync(file(), '{"fleet":"campus"}')],
    ["is of a later version", () => writeFileSync(file(), '{"version":2,"fleet":"campus","tenants":{}}')],
    ["cannot be read", () => mkdirSync(file())],
    [
      "is another fleet's",
      () => writeFileSync(file(), JSON.stringify(emptyMemory(trusted<typeof FLEET>("other")))),
    ],
  ])("that %s is not taken for an empty one", async (_, write) => {
    write();
    await expect(readMemory(directory, FLEET)).rejects.toMatchObject({ code: "EK-STATE-TORN" });
  });
});

import { rmSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { Manifests } from "../../src/daemon/manifests.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import { load } from "../../src/manifests/load.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { VALID, write } from "./manifests-tree.ts";

test("a tree that is not there any more leaves what is in force, says so, and removes nothing", async () => {
  const directory = write(VALID);
  const first = await load(directory);
  expect(first.complete).toBe(true);
  const manifests = new Manifests({
    directory,
    first,
    ledger: new MemoryLedger(emptyMemory(first.fleet)),
    connections: { follow: async () => {} },
    changed: () => {},
  });
  rmSync(directory, { recursive: true });
  await manifests.read();
  const { complete, tenants, problems } = manifests.current;
  expect(complete).toBe(false);
  expect([...tenants.keys()]).toEqual([...first.tenants.keys()]);
  expect(problems[0]?.message).toMatch(/nothing is removed$/);
});

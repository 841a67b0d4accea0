import { expect, test } from "@jest/globals";
import { type TenantName, trusted } from "../../src/api/names.ts";
import { ledgerText } from "../../src/ledger/text.ts";
import { EMPTY_TENANT, emptyMemory } from "../../src/replicas/memory.ts";
import { FLEET } from "./scenario.ts";

test.each([0, 1, 250])(
  "a ledger with %d tenants is read as it was written, a line for each",
  async (count) => {
    const names = Array.from({ length: count }, (_, index) => trusted<TenantName>(`t${index}`));
    const memory = {
      ...emptyMemory(FLEET),
      tenants: Object.fromEntries(names.map((name) => [name, { ...EMPTY_TENANT, down: true }])),
    };
    const text = await ledgerText(memory);
    expect(JSON.parse(text)).toEqual(memory);
    expect(text.match(/^ {2}"t\d+": /gm) ?? []).toHaveLength(count);
  },
);

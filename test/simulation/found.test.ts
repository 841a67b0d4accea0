import { expect, test } from "@jest/globals";
import { commandOf, planOf, Rehearsal } from "./plans.ts";

/** Plans that once went wrong (docs/reliability.md); each still shows its bug when what mended it is taken away. */
const FOUND = [
  "create/second controller/11",
  "move home/second controller/0",
  "move home/second controller/1",
  "move home/Docker away for 20 s/0",
  "scale out/refusal/0+second controller/1",
  "roll an image/late by 20 s/13",
  "delete a tenant/torn ledger/0",
  "home rebooted/empty list of containers/0",
  "come home/a bridge deleted by hand/19",
  "roll machines/no namespaces/15",
  "roll machines/a replica's link deleted by hand/7",
];

/** `PLAN="scale in/crash after/12"`: that one alone. */
const { PLAN } = process.env;

test.each(PLAN === undefined ? FOUND : [PLAN])("%s goes well", async (name) => {
  const plan = planOf(name);
  const rehearsal = await Rehearsal.of(plan.scenario);
  expect({ command: commandOf(plan), wrong: await rehearsal.trouble(plan) }).toMatchObject({ wrong: [] });
});

import { expect, test } from "@jest/globals";
import { Turns } from "../../src/clock/turns.ts";

test("many pieces of work go on in order, and everything else in between", async () => {
  let now = 0;
  const turns = new Turns(() => now);
  const order: string[] = [];
  const piece = async (name: number): Promise<void> => {
    await turns.take();
    order.push(String(name));
    now += 4;
  };
  setImmediate(() => order.push("else"));
  await Promise.all([1, 2, 3, 4, 5].map(piece));
  expect(order).toEqual(["1", "2", "3", "else", "4", "5"]);
});

test("one piece that asks again and again lets everything else go on too", async () => {
  let now = 0;
  const turns = new Turns(() => now);
  let others = 0;
  const other = (): void => {
    others++;
    if (others < 100) setImmediate(other);
  };
  setImmediate(other);
  for (let step = 0; step < 30; step++) {
    await turns.take();
    now += 4;
  }
  expect(others).toBeGreaterThanOrEqual(9);
});

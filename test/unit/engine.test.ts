import { describe, expect, test } from "@jest/globals";
import type { Clock } from "../../src/clock/clock.ts";
import { run, type Settled } from "../../src/engine/run.ts";
import { Convoy } from "../../src/hosts/convoy.ts";

/** A clock that never waits: sleeping moves it on. */
function fastClock(): Clock & { slept: number[] } {
  let now = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      now += milliseconds;
    },
    schedule: () => () => {},
    nonce: () => "n",
    incarnation: () => "aaaaaaaa" as never,
  };
}

const settled = (key: string, state: Settled<string>["state"], failure?: string): Settled<string> => ({
  key,
  state,
  again: undefined,
  failure,
});

async function play(passes: readonly (readonly Settled<string>[])[], deadline = Number.POSITIVE_INFINITY) {
  const clock = fastClock();
  const asked: (readonly string[] | undefined)[] = [];
  const ending = await run<string>({
    clock,
    deadline,
    continuous: false,
    signal: new AbortController().signal,
    pass: async (keys) => {
      asked.push(keys);
      return passes[Math.min(asked.length, passes.length) - 1] ?? [];
    },
  });
  return { ending, asked, slept: clock.slept };
}

describe("the engine", () => {
  test("ends when everything is done, after one pass if need be", async () => {
    expect(await play([[settled("a", "done"), settled("b", "done")]])).toMatchObject({
      ending: "done",
      asked: [undefined],
    });
  });

  test("calls again only who is not done", async () => {
    const first = [settled("a", "done"), settled("b", "waiting")];
    expect(await play([first, [settled("b", "done")]])).toMatchObject({
      ending: "done",
      asked: [undefined, ["b"]],
    });
  });

  test("does not wait for what only somebody else can change", async () => {
    expect(await play([[settled("a", "done"), settled("b", "stuck")]])).toMatchObject({
      ending: "stuck",
      slept: [],
    });
  });

  test("tries a failure again, ever later, and gives up when it stays the same", async () => {
    const { ending, slept } = await play([[settled("a", "failed", "no such image")]]);
    expect(ending).toBe("stuck");
    expect(slept).toEqual([500, 1000, 2000]);
  });

  test("goes on while failures differ, until time is up", async () => {
    let attempt = 0;
    const clock = fastClock();
    const ending = await run<string>({
      clock,
      deadline: 60_000,
      continuous: false,
      signal: new AbortController().signal,
      pass: async () => [settled("a", "failed", `attempt ${attempt++}`)],
    });
    expect(ending).toBe("timeout");
    expect(attempt).toBeGreaterThan(10);
  });

  test("ends in time when something never comes to an end", async () => {
    const { ending, slept } = await play([[settled("a", "waiting")]], 10_000);
    expect(ending).toBe("timeout");
    expect(slept.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(10_000);
  });
});

/** A convoy whose timer goes off when told to. */
function convoy(members: number) {
  const journeys: string[][] = [];
  let late: (() => void) | undefined;
  const travel = new Convoy<string, string>({
    members,
    patience: 1,
    schedule: (action) => {
      late = action;
      return () => {
        late = undefined;
      };
    },
    travel: async (requests) => {
      journeys.push([...requests]);
      return requests.join("+");
    },
  });
  return { travel, journeys, patienceEnds: () => late?.() };
}

describe("a convoy", () => {
  test("makes one journey for all of its members", async () => {
    const { travel, journeys } = convoy(3);
    expect(await Promise.all([travel.stop("a"), travel.stop("b"), travel.stop("c")])).toEqual([
      "a+b+c",
      "a+b+c",
      "a+b+c",
    ]);
    expect(journeys).toEqual([["a", "b", "c"]]);
  });

  test("waits for nobody who has left", async () => {
    const { travel, journeys } = convoy(2);
    const waiting = travel.stop("a");
    expect(journeys).toEqual([]);
    travel.leave();
    expect(await waiting).toBe("a");
  });

  test("leaves who is late behind, and takes them along with the next journey", async () => {
    const { travel, journeys, patienceEnds } = convoy(2);
    const first = travel.stop("a");
    patienceEnds();
    await first;
    await Promise.all([travel.stop("late"), travel.stop("a again")]);
    expect(journeys).toEqual([["a"], ["late", "a again"]]);
  });

  test("tells everybody when a journey fails", async () => {
    const broken = new Convoy<string, string>({
      members: 2,
      patience: 1,
      schedule: () => () => {},
      travel: async () => {
        throw new Error("no road");
      },
    });
    const both = await Promise.allSettled([broken.stop("a"), broken.stop("b")]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

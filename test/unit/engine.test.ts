import { describe, expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../src/clock/clock.ts";
import { type Settled, WorkQueue } from "../../src/engine/queue.ts";
import { run } from "../../src/engine/run.ts";
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
  const queue = new WorkQueue<string>(clock);
  queue.addEveryone();
  const ending = await run<string>({
    clock,
    queue,
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
    const queue = new WorkQueue<string>(clock);
    queue.addEveryone();
    const ending = await run<string>({
      clock,
      queue,
      deadline: 60_000,
      continuous: false,
      signal: new AbortController().signal,
      pass: async () => [settled("a", "failed", `attempt ${attempt++}`)],
    });
    expect(ending).toBe("timeout");
    expect(attempt).toBeGreaterThan(10);
  });

  test("asks ever more seldom what does not move, and at once more often when it does", async () => {
    const waits = (hasProgress: boolean) => [{ ...settled("a", "waiting"), hasProgress }];
    const still = Array.from({ length: 10 }, () => waits(false));
    const { slept } = await play([...still, waits(true), [settled("a", "done")]], 60_000);
    expect(slept[0]).toBeLessThan(400);
    expect(slept.slice(1, 10).every((wait, index) => wait >= (slept[index] ?? 0))).toBe(true);
    expect(slept[9]).toBe(2_000);
    expect(slept[10]).toBe(300);
  });

  test("ends in time when something never comes to an end", async () => {
    const { ending, slept } = await play([[settled("a", "waiting")]], 10_000);
    expect(ending).toBe("timeout");
    expect(slept.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(10_000);
  });
});

describe("the daemon's engine", () => {
  /** Runs until `until` says so after a pass, and tells when who was called. */
  async function live(
    answer: (key: string, time: number) => Settled<string>,
    keys: readonly string[],
    end: number,
  ) {
    const clock = fastClock();
    const queue = new WorkQueue<string>(clock);
    const stop = new AbortController();
    const calls: string[] = [];
    queue.addEveryone();
    const ending = await run<string>({
      clock,
      queue,
      continuous: true,
      signal: stop.signal,
      pass: async (called) => {
        const time = clock.now();
        if (time >= end) stop.abort();
        calls.push(`${time} ${(called ?? ["everyone"]).join()}`);
        return (called ?? keys).map((key) => answer(key, time));
      },
    });
    return { ending, calls, queue };
  }

  test("backs off from what fails without keeping others from their time", async () => {
    const { ending, calls } = await live(
      (key, time) =>
        key === "bad" ? settled(key, "failed", "no") : { ...settled(key, "done"), again: time + 1_000 },
      ["bad", "good"],
      3_000,
    );
    expect(ending).toBe("aborted");
    expect(calls).toEqual(["0 everyone", "500 bad", "1000 good", "1500 bad", "2000 good", "3000 good"]);
  });

  test("takes what is due together, and each key once", () => {
    const clock = fastClock();
    const queue = new WorkQueue<string>(clock);
    queue.add("a");
    queue.add("b");
    queue.add("a");
    queue.add("later", 10);
    expect([queue.take(), queue.take(), queue.next]).toEqual([["a", "b"], undefined, 10]);
  });

  test("who is called for everyone's sake is not called once more", () => {
    const queue = new WorkQueue<string>(fastClock());
    queue.add("later", 10);
    queue.addEveryone();
    expect([queue.take(), queue.next]).toEqual(["everyone", undefined]);
  });

  test("is woken by what is added while it waits", async () => {
    const queue = new WorkQueue<string>(systemClock);
    const stop = new AbortController();
    const called: (readonly string[] | undefined)[] = [];
    const running = run<string>({
      clock: systemClock,
      queue,
      continuous: true,
      signal: stop.signal,
      pass: async (keys) => {
        called.push(keys);
        stop.abort();
        return [];
      },
    });
    queue.add("a");
    expect(await running).toBe("aborted");
    expect(called).toEqual([["a"]]);
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
    turn: async () => {},
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
      turn: async () => {},
      travel: async () => {
        throw new Error("no road");
      },
    });
    const both = await Promise.allSettled([broken.stop("a"), broken.stop("b")]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

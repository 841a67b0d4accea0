import { describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { Condition } from "../../src/api/kinds.gen.ts";
import { wait, waitFor } from "../../src/cli/wait.ts";
import { missing, parseWanted, type Shown } from "../../src/cli/wait-condition.ts";
import type { SubnetObject } from "../../src/status/objects.ts";
import { hypervisor, subnet } from "./scenario.ts";

const condition = (type: string, status: Condition["status"]): Condition => ({
  type,
  status,
  reason: "Draining",
  message: "a replica waits",
  lastTransitionTime: "",
});
const web = (ready: number, standing: number, isReady: Condition["status"] = "True"): SubnetObject => ({
  ...subnet("web", 2),
  status: {
    conditions: [condition("Ready", isReady), condition("Stalled", "False")],
    replicas: standing,
    readyReplicas: ready,
    desiredReplicas: 2,
  },
});
const shown = (...objects: SubnetObject[]): Shown => ({ objects, isAllSeen: true });

describe("what is waited for", () => {
  test.each<[string, Shown, string | undefined]>([
    ["Ready", shown(web(2, 2)), undefined],
    ["Ready", shown(web(2, 2, "Unknown")), "Ready is Unknown: Draining: a replica waits"],
    ["Ready", shown(), "it does not exist"],
    ["Ready", shown(web(2, 2), web(1, 2, "False")), "Ready is False: Draining: a replica waits"],
    ["condition=stalled=false", shown(web(2, 2)), undefined],
    ["condition=Stalled", shown(web(2, 2)), "Stalled is False: Draining: a replica waits"],
    ["condition=Nope", shown(web(2, 2)), "it has no condition Nope"],
    ["replicas=2", shown(web(2, 2)), undefined],
    ["replicas=2", shown(web(2, 3)), "2 of 3 replicas are ready"],
    ["replicas=0", shown(), "it does not exist"],
    ["Deleted", shown(), undefined],
    ["Deleted", shown(web(0, 0)), "it is still there"],
    [
      "Deleted",
      { objects: [], isAllSeen: false },
      "not every hypervisor was seen, so something of it may be left",
    ],
  ])("%s of %j", (text, seen, why) => {
    expect(missing(parseWanted(text), seen)).toBe(why);
  });

  test.each(["ready", "condition", "condition=Ready=Perhaps", "replicas=two", "replicas=-1"])(
    "is not %s",
    (text) => {
      expect(() => parseWanted(text)).toThrow(expect.objectContaining({ code: "EK-USAGE" }));
    },
  );

  test("is a count of replicas only of a subnet", () => {
    const host = { ...hypervisor("hv1", "198.18.0.11"), status: { conditions: [] } };
    expect(() => missing(parseWanted("replicas=2"), { objects: [host], isAllSeen: true })).toThrow(
      expect.objectContaining({ code: "EK-USAGE" }),
    );
  });
});

describe("wait", () => {
  /** Looks one after the other, the last one again and again, by a clock that only waiting moves. */
  async function waited(looks: readonly (Shown | Error)[], timeoutSeconds = 60) {
    let now = 0;
    const at: number[] = [];
    const why = await waitFor(parseWanted("Ready"), {
      look: async () => {
        at.push(now);
        const look = looks[Math.min(at.length, looks.length) - 1];
        if (look === undefined || look instanceof Error) throw look;
        return look;
      },
      clock: { now: () => now, sleep: async (milliseconds) => void (now += milliseconds) },
      signal: new AbortController().signal,
      timeoutSeconds,
    });
    return { why, at };
  }
  const unreadable = new EvenkeelError("EK-MANIFESTS", "the tree cannot be read");

  test("looks again until it is so, less and less often", async () => {
    const { why, at } = await waited([
      shown(),
      shown(web(0, 1, "False")),
      shown(web(1, 2, "False")),
      shown(web(2, 2)),
    ]);
    expect(why).toBeUndefined();
    expect(at).toEqual([0, 2000, 4400, 7280]);
  });

  test("ends with the reason of the last look when the time is over", async () => {
    const { why, at } = await waited([shown(web(1, 2, "False"))], 30);
    expect(why).toBe("Ready is False: Draining: a replica waits");
    expect(at.at(-1)).toBe(30_000);
    expect(Math.max(...at.map((time, index) => time - (at[index - 1] ?? 0)))).toBeLessThanOrEqual(10_000);
  });

  test("tells at once what is wrong with the first look, and goes on over what is with others", async () => {
    await expect(waited([unreadable])).rejects.toBe(unreadable);
    expect((await waited([shown(), unreadable, shown(web(2, 2))])).why).toBeUndefined();
    expect((await waited([shown(), unreadable], 5)).why).toBe(
      "the last look failed: the tree cannot be read [EK-MANIFESTS]",
    );
    await expect(waited([shown(), new TypeError("a bug")])).rejects.toThrow("a bug");
  });

  test("refuses what names no object before it looks", async () => {
    const options = { manifests: "nowhere", for: "Ready", timeout: 1 };
    await expect(wait("subnets", options)).rejects.toMatchObject({ code: "EK-USAGE" });
    await expect(wait("subnet/web", { ...options, for: "Soon" })).rejects.toMatchObject({ code: "EK-USAGE" });
  });
});

import { describe, expect, test } from "@jest/globals";
import { describeDecisions, evaluate } from "../../src/cli/evaluate.ts";
import { once } from "../../src/cli/once.ts";
import { mustBeOnce } from "../../src/cli/options.ts";
import type { Session } from "../../src/cli/session.ts";
import { revisionOf } from "./cli-values.ts";
import { each, record } from "./decision-values.ts";
import { scenario, subnet } from "./scenario.ts";

const autoscale = {
  mode: "auto",
  scaleOnContention: false,
  thresholds: { cpu: { min: 25, max: 60 } },
  step: 1,
  sampleSeconds: 5,
  windowSeconds: 15,
  cooldownSeconds: 60,
} as const;

describe("--once --autoscale", () => {
  const revision = revisionOf(
    scenario({
      subnets: [subnet("web", 2, { autoscale }), subnet("db", 1, { autoscale }), subnet("cache", 1)],
    }),
  );

  test("tells each decision on a line, and who was not decided on", () => {
    expect(describeDecisions([record(each(0.07, 0.07))], revision)).toEqual([
      "t2: web stays at 2: cpu 7 %, between 5 % and 10 %; nothing to do.",
      "t2: db was not decided on: it does not stand yet, or is held",
    ]);
  });

  test("says before it looks anywhere that the window is longer than the run may take", async () => {
    const session = { revision } as Session;
    const { signal } = new AbortController();
    const options = { timeoutSeconds: 19, signal, tell: () => {} };
    await expect(evaluate(session, options)).rejects.toMatchObject({
      code: "EK-USAGE",
      message: "a full window takes 20 s, longer than the run may take",
    });
  });

  test("is neither dry nor a daemon's", async () => {
    const options = { output: "text", timeout: 60, dryRun: true, autoscale: true } as const;
    await expect(once("nowhere", options)).rejects.toMatchObject({ code: "EK-USAGE" });
    expect(() => mustBeOnce({ autoscale: true })).toThrow("--autoscale goes with --once");
    expect(() => mustBeOnce({ dryRun: true })).toThrow("--dry-run goes with --once");
    expect(() => mustBeOnce({})).not.toThrow();
  });
});

import { describe, expect, test } from "@jest/globals";
import { createColors } from "picocolors";
import { age, parseDuration, took } from "../../src/cli/duration.ts";
import { describeDifference, differencesOf } from "../../src/cli/diff-text.ts";
import { exitOfDiff, exitOfOnce, exitOfPlan, type Verdict } from "../../src/cli/exit.ts";
import { describeOutcome } from "../../src/cli/once-text.ts";
import { type Outcome, outcomeOf } from "../../src/cli/outcome.ts";
import { describePlan } from "../../src/cli/plan-text.ts";
import { viewPlan } from "../../src/cli/plan-view.ts";
import { Progress } from "../../src/cli/progress.ts";
import { json } from "../../src/cli/streams.ts";
import { isHeldDown, parseTarget, type Target } from "../../src/cli/target.ts";
import { withInstruction } from "../../src/replicas/instruction.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { TenantResult } from "../../src/controllers/controller.ts";
import { collapse } from "../../src/plan/collapse.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import type { DrainReceipt } from "../../src/replicas/receipt.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { FLEET, pass, scenario, serving, subnet, T2 } from "./scenario.ts";
import { foresight, observation, outcome, result, revisionOf } from "./cli-values.ts";

const plain = createColors(false);
const noDirectory = { directory: "", verbose: false, colours: plain };

describe("durations", () => {
  test.each([
    ["30s", 30],
    ["10m", 600],
    ["1h", 3600],
    ["1h30m", 5400],
    ["0s", undefined],
    ["10", undefined],
    ["-1s", undefined],
    ["1d", undefined],
    ["9999h", undefined],
  ])("%s is %s", (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test("are written as people and as kubectl write them", () => {
    expect([4100, 34_000, 125_000].map(took)).toEqual(["4.1 s", "34 s", "2 m 5 s"]);
    expect([5000, 180_000, 7_200_000, 9 * 86_400_000].map(age)).toEqual(["5s", "3m", "2h", "9d"]);
  });
});

describe("exit codes", () => {
  const verdict = (what: Partial<Verdict> = {}): Verdict => ({
    error: false,
    unseen: false,
    converged: true,
    changes: false,
    ...what,
  });
  const everything = { error: true, unseen: true, converged: false, changes: true };
  test.each([
    ["--once", "nothing", verdict(), 0, 0, 0],
    ["--once", "changes", verdict({ changes: true }), 0, 0, 1],
    ["--once", "not converged", verdict({ converged: false }), 3, 0, 0],
    ["--once", "not seen", verdict({ unseen: true, changes: true }), 3, 3, 2],
    ["--once", "a broken document", verdict({ error: true }), 1, 1, 2],
    ["--once", "everything at once", everything, 1, 1, 2],
  ])("%s, plan and diff after %s", (_, __, what, once, plan, diff) => {
    expect([exitOfOnce(what, false), exitOfPlan(what, false), exitOfDiff(what)]).toEqual([once, plan, diff]);
  });

  test("tell of changes where that is asked for, and of nothing less than what is worse", () => {
    const changes = verdict({ changes: true });
    expect([exitOfOnce(changes, true), exitOfPlan(changes, true)]).toEqual([2, 2]);
    const unseen = verdict({ changes: true, unseen: true });
    expect([exitOfOnce(unseen, true), exitOfPlan(unseen, true)]).toEqual([3, 3]);
  });
});

describe("changes of several rounds", () => {
  const [sample] = pass(scenario());
  const entry = (verb: PlanEntry["verb"], reason: string): PlanEntry => ({ ...sample!, verb, reason });
  test.each([
    ["add, change", ["add", "change"], "add first"],
    ["change, change", ["change", "change"], "change first"],
    ["change, replace", ["change", "replace"], "replace first"],
    ["change, add", ["change", "add"], "change first"],
    ["change, remove", ["change", "remove"], "remove last"],
    ["remove, add", ["remove", "add"], "replace first"],
  ] as const)("%s", (_, [first, then], expected) => {
    const [whole, ...more] = collapse([entry(first, "first"), entry(then, "last")]);
    expect([`${whole?.verb} ${whole?.reason}`, more]).toEqual([expected, []]);
  });

  test("add, remove come to nothing", () => {
    expect(collapse([entry("add", "first"), entry("remove", "last")])).toEqual([]);
  });
});

describe("a plan", () => {
  test("is grouped, names what people know, and says what is next", () => {
    const on = scenario();
    const view = viewPlan(foresight(on, pass(on)));
    expect(describePlan(view, noDirectory)).toBe(`t2   home hv1
  + namespace   t2@hv1, t2@hv2              the tenant has no namespace here
  + network     management@hv1,             VXLAN 1001
                management@hv2
  + uplink      t2@hv1                      198.18.100.10 on edge
  + local link  t2@hv1                      the hypervisor itself reaches the
                                            tenant's services
  + resolver    t2@hv1                      names and addresses of the tenant's
                                            own
  + port rules  t2@hv1, t2@hv2              a port passes its own addresses
                                            alone
  + balancer    t2@hv1                      spreads the services over their
                                            replicas
t2/web   10.13.13.0/24, home hv1
  + network     web@hv1, web@hv2            VXLAN 1002
  + container   web-1@hv1, web-2@hv1        replicas.min is 2, now 0
Plan: ${view.totals.add} to add, 0 to change, 0 to remove. Disruption: none.
Plan id ${view.plan}. Next: reconcile --once
`);
  });

  test("has the same id again, whatever the fresh identities are", () => {
    const ids = [scenario(), scenario()].map((on) => viewPlan(foresight(on, pass(on))).plan);
    expect(ids[0]).toBe(ids[1]);
    const other = scenario({ subnets: [subnet("web", 3, { service: serving() })] });
    expect(viewPlan(foresight(other, pass(other))).plan).not.toBe(ids[0]);
  });

  test("of a scale-in says why, and that a drain it is", () => {
    const on = scenario();
    pass(on);
    on.subnets = [subnet("web", 1, { service: serving() })];
    const text = describePlan(viewPlan(foresight(on, pass(on))), noDirectory);
    expect(text).toContain("- container   web-2@hv1                   replicas wanted: 1; drain");
    expect(text).toContain("1 to remove. Disruption: drain.");
  });

  test("that needs nothing says what shows it", () => {
    const text = describePlan(viewPlan(foresight(scenario(), [])), noDirectory);
    expect(text).toBe("No change needed: 2 hypervisors show what 4 documents ask for.\n");
  });

  test("marks a hypervisor that was not seen, and claims nothing of it", () => {
    const on = scenario({ unseen: ["hv2"] });
    const text = describePlan(viewPlan(foresight(on, [])), noDirectory);
    expect(text).toBe(`? hv2: no answer in 10 s [EK-HOST-UNREACHABLE]
  fix: check the way there
Nothing to change on those that were seen.
What hv2 needs is not known until it is seen.
`);
  });

  test("shows what waits for approval with its id", () => {
    const on = scenario();
    const refusal = { id: "9be0d77", object: "fleet", message: "files are gone of t1; t2" };
    const view = viewPlan(foresight(on, [], { refusals: [refusal] }));
    expect(describePlan(view, { ...noDirectory, directory: " tree" })).toContain(
      "! fleet files are gone of t1; t2\n  refused until: reconcile approve 9be0d77 tree\n",
    );
  });

  test("keeps within 80 columns, and lets no control character through", () => {
    const on = scenario();
    const note = { reason: "NameTaken", object: "tenant/t2", severity: "stuck" } as const;
    const notes = [{ ...note, message: `\u001b[31m${"held by somebody ".repeat(12)}` }];
    const text = describePlan(viewPlan(foresight(on, pass(on), { notes })), noDirectory);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    // oxlint-disable-next-line no-control-regex -- this is what must not be there
    expect(text).not.toMatch(/\u001b/);
  });
});

describe("a difference", () => {
  test("shows what is against what is asked for, and nothing else", () => {
    const on = scenario();
    pass(on);
    on.observed = on.observed.map((one) =>
      one.kind === "bridge" && one.name === "br-web" && one.hypervisor === "hv1"
        ? { ...one, state: { ...(one.state as object), up: false, mtu: 1400 } }
        : one,
    );
    const text = differencesOf(pass(on))
      .map((one) => describeDifference(one, plain))
      .join("");
    expect(text).toBe(`--- t2/web bridge br-web@hv1
+++ t2/web bridge br-web@hv1
@@ MTU is 1400, must be 1450; down @@
-mtu: 1400
-up: false
+mtu: 1450
+up: true
`);
  });

  test("of what is to come or to go has one side only", () => {
    const on = scenario();
    const come = differencesOf(pass(on));
    expect(come.every(({ removed }) => removed.length === 0)).toBe(true);
    const container = come.find(({ kind, name }) => kind === "container" && name === "web-1");
    expect(container?.added).toContain("image: evenkeel/web:1");
    const go = differencesOf(pass(on, "everything")).filter(({ verb }) => verb === "remove");
    expect(go.flatMap(({ added }) => added)).toEqual([]);
  });
});

describe("the answer of --once", () => {
  const changed = (on = scenario()): TenantResult => {
    const entries = pass(on);
    const observed = entries.flatMap(({ after }) => after ?? []).slice(0, 30);
    return result({ entries, sighting: { ...result({}).sighting, observed } });
  };

  test("says what was done, and that it was seen", () => {
    const text = describeOutcome(outcome([changed()]), "", plain);
    expect(text).toMatch(
      /^✓ t2 {7}added \d+ {40,}4\.1 s\n✓ t2\/web {3}added \d+ \(2 replicas\) {20,}4\.1 s\n/,
    );
    expect(text).toMatch(/Converged and seen to be so\. 30 objects, 2 hypervisors, 5 \+ 4 round trips\.\n$/);
  });

  test("says what its drains meant for who was connected, and nothing where nothing was drained", () => {
    const receipt = (connectionsSeen: number, connectionsCut: number): DrainReceipt =>
      ({ connectionsSeen, connectionsCut }) as DrainReceipt;
    const after = (...receipts: DrainReceipt[]): Outcome => outcome([{ ...changed(), receipts }]);
    const said = (value: Outcome): string | undefined =>
      /round trips\.\n(.*)\n?$/.exec(describeOutcome(value, "", plain))?.[1];
    const drained = after(receipt(3, 1), receipt(0, 0), receipt(2, 0));
    expect(said(drained)).toBe("Drained 3 replicas: 4 connections ended, 1 cut.");
    expect(JSON.parse(json(drained))).toMatchObject({
      drains: { replicas: 3, connectionsEnded: 4, connectionsCut: 1 },
    });
    expect(said(after(receipt(1, 0)))).toBe("Drained 1 replica: 1 connection ended, none cut.");
    expect(said(after(receipt(0, 0)))).toBe("Drained 1 replica: no connection was open.");
    expect(said(after())).toBe("");
    expect(JSON.parse(json(after()))).not.toHaveProperty("drains");
  });

  test("says what its drains meant before what is next, however it ended", () => {
    const receipts = [{ connectionsSeen: 2, connectionsCut: 2 } as DrainReceipt];
    const late = outcome([result({ state: "waiting", receipts })], { ending: "timeout" });
    expect(describeOutcome(late, "", plain)).toMatch(
      /^Not converged.*\nDrained 1 replica: 0 connections ended, 2 cut\.\nNext: reconcile --once\n$/,
    );
  });

  test("of nothing done is one line", () => {
    expect(describeOutcome(outcome([result({})]), "", plain)).toBe(
      "No change needed: 2 hypervisors show what 4 documents ask for.\n",
    );
  });

  test("puts the worst first, with its reason and what to do", () => {
    const message = "hv1: no place free";
    const notes = [
      { reason: "NowhereToPlace", object: "replica/t2/web-2", message, severity: "stuck" },
    ] as const;
    const stuck = outcome([result({ state: "stuck", entries: pass(scenario()), notes })], {
      ending: "stuck",
    });
    const text = describeOutcome(stuck, "", plain);
    expect(text.split("\n")[0]).toMatch(/^✗ t2\/web /);
    expect(text).toContain(
      "  NowhereToPlace  web-2: hv1: no place free\n    fix: raise a hypervisor's capacity",
    );
    expect(text).toContain("Not converged: t2.\nNext: reconcile get all\n");
    expect(stuck.exitCode).toBe(3);
  });

  test.each([
    ["a hypervisor that was not seen", { ending: "done", unseen: ["hv2"] }, 3, "stuck"],
    ["a time-out", { ending: "timeout" }, 3, "timeout"],
    ["SIGTERM", { ending: "aborted", interrupted: 143 }, 143, "interrupted"],
    ["SIGINT that came too late to matter", { ending: "done", interrupted: 130 }, 130, "converged"],
  ] as const)("after %s", (_, options, exitCode, ending) => {
    const value = outcome([result({ state: ending === "converged" ? "converged" : "waiting" })], options);
    expect([value.exitCode, value.ending]).toEqual([exitCode, ending]);
  });

  test("counts what is refused as not converged, and leads to its approval", () => {
    const refusals = [{ id: "446b9a6", object: "subnet/t2/web", message: "cidr is to change" }];
    const value = outcome([result({ state: "stuck", refusals })], { ending: "stuck" });
    expect(value.exitCode).toBe(3);
    expect(describeOutcome(value, "", plain)).toContain("Next: reconcile approve 446b9a6\n");
  });

  test("is an error when a document is broken, though the others were reconciled", () => {
    const revision = { ...revisionOf(scenario()), problems: [problem] };
    const run = { ending: "done", tenants: new Map(), last: passResult, milliseconds: 1 } as const;
    const value = outcomeOf(revision, run, { trips: new Map(), detailed: true, interrupted: undefined });
    expect(value.exitCode).toBe(1);
  });
  const problem = {
    severity: "error",
    code: "EK-YAML",
    file: "a.yaml",
    line: 1,
    column: 1,
    path: "",
    message: "is no YAML",
  } as const;
  const passResult = { tenants: [], refusals: [], observation: observation(scenario()) };
});

describe("progress", () => {
  const told = (verbose: boolean): { progress: Progress; lines: string[] } => {
    const lines: string[] = [];
    const write = (text: string): number => lines.push(text);
    return { progress: new Progress({ write, colours: plain, verbose, at: () => "1.2 s" }), lines };
  };

  test("counts what is begun together, or tells each", () => {
    const entries = pass(scenario()).filter(({ kind }) => kind === "netns" || kind === "container");
    const short = told(false);
    short.progress.begin(T2, entries);
    expect(short.lines).toEqual(["   1.2 s  t2  + 2 namespaces, 2 containers\n"]);
    const long = told(true);
    long.progress.begin(T2, entries);
    expect(long.lines).toHaveLength(4);
  });

  test("tells what is waited for once, and what waits for the same together", () => {
    const { progress, lines } = told(false);
    const note = (name: string) =>
      ({
        reason: "Draining",
        object: `replica/t2/${name}`,
        message: "on hv1 was told to end",
        severity: "waiting",
      }) as const;
    const results = [result({ state: "waiting", notes: [note("web-1"), note("web-2")] })];
    progress.passed(results);
    progress.passed(results);
    expect(lines).toEqual(["   1.2 s  t2  ! web-1@hv1, web-2@hv1: was told to end\n"]);
  });
});

describe("what down and up are told", () => {
  test.each([
    ["tenant/t2", undefined, "t2 "],
    ["ten/t2", "t1", "t2 "],
    ["subnet/web", "t2", "t2 web"],
  ])("%s of %s", (word, namespace, expected) => {
    const target = parseTarget(word, namespace);
    expect(`${target.tenant} ${target.subnet ?? ""}`).toBe(expected);
  });

  test.each([
    ["t2", undefined],
    ["subnet/web", undefined],
    ["hypervisor/hv1", "t2"],
    ["tenant/../x", undefined],
    ["tenant/", undefined],
  ])("refuses %s", (word, namespace) => {
    expect(() => parseTarget(word, namespace)).toThrow(EvenkeelError);
  });

  test("is remembered for exactly that, and forgotten again", () => {
    const web = parseTarget("subnet/web", "t2");
    const all = parseTarget("tenant/t2", undefined);
    const down = (target: Target) => ({ say: "down", target }) as const;
    const held = withInstruction(withInstruction(emptyMemory(FLEET), down(web)), down(web));
    expect(held.tenants[T2]?.downSubnets).toEqual(["web"]);
    expect([isHeldDown(held, web), isHeldDown(held, all)]).toEqual([true, false]);
    expect(isHeldDown(withInstruction(held, { say: "up", target: web }), web)).toBe(false);
    expect(isHeldDown(withInstruction(held, down(all)), all)).toBe(true);
  });
});

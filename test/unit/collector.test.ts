import { describe, expect, test } from "@jest/globals";
import type { Cidr } from "../../src/api/addresses.ts";
import { parseCollectdMetric } from "../../src/api/collectd-metric.ts";
import type { Autoscale } from "../../src/api/kinds.gen.ts";
import type { FilterState } from "../../src/resources/filter.ts";
import type { TableFact } from "../../src/facts/facts.ts";
import { type CollectorState, isCollector } from "../../src/resources/collector.ts";
import { type Packet, verdict } from "./packets.ts";
import { alter, pass, type Scenario, scenario, short, subnet } from "./scenario.ts";

const following = (...metrics: readonly string[]): { autoscale: Autoscale } => ({
  autoscale: {
    mode: "auto",
    thresholds: Object.fromEntries(metrics.map((metric) => [metric, { min: 5, max: 20 }])),
    scaleOnContention: false,
    step: 1,
    sampleSeconds: 5,
    windowSeconds: 15,
    cooldownSeconds: 60,
  },
});
const STEAL = "collectd.percent-steal";
const web = (...metrics: readonly string[]): Scenario =>
  scenario({ subnets: [subnet("web", 2, metrics.length > 0 ? following(...metrics) : {})] });

const seen = (on: Scenario): CollectorState | undefined => on.observed.find(isCollector)?.state;
const changes = (on: Scenario) =>
  pass(on).flatMap((entry) => (entry.kind === "collector" ? [[short(entry), entry.reason] as const] : []));

describe("a collector", () => {
  test("stands at home where a subnet goes by collectd, and nowhere else", () => {
    expect(changes(web())).toEqual([]);
    expect(changes(web("cpu"))).toEqual([]);
    const on = web("cpu", STEAL);
    expect(changes(on)).toEqual([["+ collector t2@hv1", "a subnet goes by what collectd measures"]]);
    expect(changes(on)).toEqual([]);
  });

  test("keeps only what a subnet goes by, of that subnet's replicas", () => {
    const on = scenario({
      subnets: [
        subnet("web", 2, following(STEAL, "collectd.users")),
        subnet("db", 1, { cidr: "10.13.14.0/24" as Cidr, ...following("collectd.gauge-a.b") }),
      ],
    });
    pass(on);
    const lines = seen(on)?.configuration ?? [];
    expect(lines.slice(lines.indexOf('<Chain "wanted">')).filter((line) => line.includes('"'))).toEqual([
      '<Chain "wanted">',
      '<Match "regex">',
      'Host "^db-[0-9]+$"',
      'Type "^gauge$"',
      'TypeInstance "^a[.]b$"',
      'Target "return"',
      '<Match "regex">',
      'Host "^web-[0-9]+$"',
      'Type "^percent$"',
      'TypeInstance "^steal$"',
      'Target "return"',
      '<Match "regex">',
      'Host "^web-[0-9]+$"',
      'Type "^users$"',
      'TypeInstance "^$"',
      'Target "return"',
      'Target "stop"',
    ]);
  });

  test("is started again with other settings, when it does not run, and when it lost its namespace", () => {
    const on = web(STEAL);
    pass(on);
    const verdictOf = (state: Partial<CollectorState>) => {
      alter(on, "collector/hv1/t2/t2", state);
      return changes(on).map(([, reason]) => reason);
    };
    expect(verdictOf({ configuration: ["LoadPlugin csv"] })).toEqual([
      expect.stringMatching(/^its settings: \d+ missing, 1 too many$/),
    ]);
    expect(verdictOf({ isRunning: false })).toEqual(["it does not run"]);
    expect(verdictOf({ isRunning: false, failure: "no" })).toEqual(["it does not run: no"]);
    expect(verdictOf({ isAstray: true })).toEqual(["it runs in a namespace that has lost its name"]);
    const tools = on.rounds
      .flat()
      .flatMap(({ kind, operations }) => (kind === "collector" ? [operations.map(({ tool }) => tool)] : []));
    expect(tools.at(-1)).toEqual(["collector-stop", "ip-inside", "collector-start"]);
    expect(tools.slice(0, -1).every((of) => of.join() === "ip-inside,collector-start")).toBe(true);
  });

  test("goes when no subnet goes by it any more", () => {
    const on = web(STEAL);
    pass(on);
    on.subnets = [subnet("web", 2)];
    expect(changes(on)).toEqual([["- collector t2@hv1", "no subnet goes by collectd's figures any more"]]);
    expect(seen(on)).toBeUndefined();
  });
});

describe("figures are let in", () => {
  const at = (on: Scenario, hypervisor: string): TableFact => {
    const state = on.observed.find((one) => one.kind === "filter" && one.hypervisor === hypervisor)?.state;
    return (state as FilterState).ipv4["filter"] as TableFact;
  };
  const figure = { in: "mgmt", protocol: "udp", to: "192.168.252.1", toPort: 25826 };
  test.each<[string, string, Packet, string]>([
    ["from the management network", STEAL, figure, "ACCEPT"],
    ["not where no subnet goes by them", "cpu", figure, "DROP"],
    ["not from a subnet's own network", STEAL, { ...figure, in: "br-web" }, "DROP"],
    ["not from outside", STEAL, { ...figure, in: "up0" }, "DROP"],
    ["at no other address", STEAL, { ...figure, to: "10.13.13.1" }, "DROP"],
    ["and nothing else is", STEAL, { ...figure, toPort: 9103, protocol: "tcp" }, "DROP"],
  ])("%s", (_, metric, packet, result) => {
    const on = web(metric);
    pass(on);
    expect(verdict(at(on, "hv1"), "INPUT", packet)).toBe(result);
    expect(verdict(at(on, "hv2"), "INPUT", packet)).toBe("DROP");
  });
});

test.each<[string, object | undefined]>([
  ["collectd.percent-steal", { type: "percent", instance: "steal" }],
  ["collectd.users", { type: "users", instance: "" }],
  ["collectd.df_complex-free-now", { type: "df_complex", instance: "free-now" }],
  ["collectd.", undefined],
  ["collectd.-steal", undefined],
  ['collectd.percent-a"b', undefined],
  ["collectd.percent-.*", undefined],
  ["collectd.percent-a\nb", undefined],
  ["collectd.percent-$(id)", undefined],
  ["xcollectd.percent-steal", undefined],
])("%j is a figure of collectd's, or none", (name, figure) => {
  expect(parseCollectdMetric(name)).toEqual(figure);
});

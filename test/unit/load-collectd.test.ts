import { describe, expect, test } from "@jest/globals";
import { type Incarnation, trusted } from "../../src/api/names.ts";
import { figureOf, parseCollectd } from "../../src/load/collectd.ts";
import { type Readings, subnetLoad } from "../../src/load/samples.ts";
import type { ReplicaMemory } from "../../src/replicas/memory.ts";
import { T2 } from "./scenario.ts";

const NOW = 1_795_978_957_943;
const help = (family: string, plugin: string, type: string, dstype = "gauge", name = "value"): string =>
  `# HELP ${family} write_prometheus plugin: '${plugin}' Type: '${type}', Dstype: '${dstype}', Dsname: '${name}'`;
/** What a hypervisor prints: everything of `t2` unless a line says whose it is. */
const printed = (...lines: readonly string[]): string =>
  [`now ${NOW}`, ...lines]
    .map((line) => (line.startsWith("collected ") ? line : `collected t2 ${line}`))
    .join("\n");

const CPU = help("collectd_cpu_percent", "cpu", "percent");
const steal = (value: string, at = NOW - 1000, host = "web-1"): string =>
  `collectd_cpu_percent{cpu="steal",instance="${host}"} ${value} ${at}`;
const read = (...lines: readonly string[]) =>
  figureOf(parseCollectd(printed(...lines)), T2, "web-1", "collectd.percent-steal");

describe("what collectors show", () => {
  test("is a figure by tenant, host and metric, with its age", () => {
    expect(read(CPU, steal("42.5"))).toEqual({ value: 42.5, seconds: 1 });
    const all = parseCollectd(printed(CPU, steal("42.5"), `collected t1 now ${NOW}`, `collected t1 ${CPU}`));
    expect(figureOf(all, trusted("t1"), "web-1", "collectd.percent-steal")).toBeUndefined();
    expect(figureOf(all, T2, "web-2", "collectd.percent-steal")).toBeUndefined();
    expect(figureOf(all, T2, "web-1", "collectd.percent-idle")).toBeUndefined();
  });

  test("of several CPUs is their mean, as old as the oldest", () => {
    const one = (cpu: number, value: number, at: number): string =>
      `collectd_cpu_percent{cpu="${cpu}",type="steal",instance="web-1"} ${value} ${at}`;
    expect(read(CPU, one(0, 10, NOW - 500), one(1, 30, NOW - 2500))).toEqual({ value: 20, seconds: 2.5 });
  });

  test("of a type without instances has a name without one", () => {
    const all = parseCollectd(
      printed(help("collectd_users", "users", "users"), `collectd_users{instance="web-1"} 3 ${NOW}`),
    );
    expect(figureOf(all, T2, "web-1", "collectd.users")).toEqual({ value: 3, seconds: 0 });
  });

  test.each<[string, readonly string[]]>([
    ["a counter", [help("collectd_cpu_percent", "cpu", "percent", "derive"), steal("42.5")]],
    [
      "one of several values",
      [help("collectd_cpu_percent", "cpu", "percent", "gauge", "shortterm"), steal("1")],
    ],
    ["of which nobody says what it is", [steal("42.5")]],
    ["no number", [CPU, steal("NaN")]],
    ["without a time", [CPU, 'collectd_cpu_percent{cpu="steal",instance="web-1"} 42.5']],
    ["another tenant's line in a label", [CPU, steal("1", NOW, "x\\ncollected t2 web-1")]],
  ])("is none: %s", (_, lines) => {
    expect(read(...lines)).toBeUndefined();
  });
});

describe("the load of a subnet by collectd", () => {
  const replica = (ordinal: number): ReplicaMemory =>
    ({
      tenant: T2,
      subnet: trusted("web"),
      ordinal,
      incarnation: trusted<Incarnation>(`aaaaaaa${ordinal}`),
      hypervisor: trusted("hv2"),
    }) as ReplicaMemory;
  const later = (...lines: readonly string[]): Readings => {
    const own = { uptime: 100, used: 0, cpus: 2, source: "cgroup-v1" as const, replicas: new Map() };
    const figures = parseCollectd(printed(CPU, ...lines));
    return new Map([
      [trusted("hv1"), { ...own, figures }],
      [trusted("hv2"), { ...own, figures: new Map() }],
    ]);
  };
  const load = (...lines: readonly string[]) =>
    subnetLoad([replica(1), replica(2)], ["collectd.percent-steal"], {
      earlier: new Map(),
      later: later(...lines),
      longest: 4,
    });

  test("is the mean over the replicas that sent it, wherever they are, from the first sample on", () => {
    const { loads, replicas } = load(steal("42.5"), steal("7.5", NOW, "web-2"));
    expect(loads).toEqual({ "collectd.percent-steal": { ratio: 25, complete: true } });
    expect(replicas.map(({ sample }) => sample)).toEqual([{ ratio: 42.5 }, { ratio: 7.5 }]);
  });

  test("is not known where nothing was sent, or something long ago, or by a clock that is far off", () => {
    const silent = "its collectd sent nothing";
    expect(load().loads["collectd.percent-steal"]).toEqual({ ratio: undefined, complete: false });
    const missing = (...lines: readonly string[]) => load(...lines).replicas.map(({ sample }) => sample);
    expect(missing()).toEqual([{ missing: silent }, { missing: silent }]);
    expect(missing(steal("1", NOW - 5000), steal("1", NOW + 5000, "web-2"))).toEqual([
      { missing: "what its collectd sent is 5 s old" },
      { missing: "what its collectd sent is -5 s old" },
    ]);
  });
});

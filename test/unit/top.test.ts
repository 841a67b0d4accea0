import { describe, expect, test } from "@jest/globals";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import { top } from "../../src/cli/top.ts";
import { type Usage, usageOf } from "../../src/cli/usage.ts";
import { describeUsage } from "../../src/cli/usage-text.ts";
import type { Reading, Readings } from "../../src/load/samples.ts";
import { revisionOf } from "./cli-values.ts";
import { pass, scenario, serving, subnet, T2 } from "./scenario.ts";

const HV1 = trusted<HypervisorName>("hv1");
const on = scenario({
  subnets: [
    subnet("web", 2, {
      service: serving(),
      autoscale: {
        mode: "auto",
        scaleOnContention: false,
        thresholds: { cpu: { min: 25, max: 60 } },
        step: 1,
        sampleSeconds: 5,
        windowSeconds: 15,
        cooldownSeconds: 60,
      },
    }),
    subnet("db", 1, { cidr: "10.13.14.0/24" as never }),
  ],
});
pass(on);
const replicas = on.fleet.tenants[T2]?.replicas ?? [];

/** One hypervisor of four CPUs; what each replica has used, in CPU seconds, by name. */
const reading = (uptime: number, used: number, by: Readonly<Record<string, number>>): Readings =>
  new Map([
    [
      HV1,
      {
        uptime,
        used: used * 1e9,
        cpus: 4,
        source: "cgroup-v2",
        figures: new Map(),
        replicas: new Map(
          replicas.flatMap(({ incarnation, subnet: name, ordinal }) => {
            const seconds = by[`${name}-${ordinal}`];
            return seconds === undefined ? [] : [[incarnation, { used: seconds * 1e9, pid: 1 }] as const];
          }),
        ),
      } satisfies Reading,
    ],
  ]);
const usages = (tenant?: string): Usage[] =>
  usageOf({
    revision: revisionOf(on),
    memory: on.fleet,
    earlier: reading(100, 50, { "web-1": 1, "web-2": 1 }),
    later: reading(102, 52, { "web-1": 1.2, "web-2": 1.9, "db-1": 7 }),
    tenant,
  });

describe("top", () => {
  test("shows what is used of what may be, the most loaded first, and what is not known last", () => {
    expect(describeUsage(usages(), { manyTenants: true })).toBe(`\
NAME   CPU   LIMIT   LOAD   THRESHOLDS   REPLICAS
hv1    1     4       25%    50%-80%      3
hv2    ?     ?       ?      50%-80%      0

NAMESPACE   NAME   CPU    LIMIT   LOAD   THRESHOLDS   REPLICAS
t2          web    550m   1       55%    25%-60%      2/2
t2          db     ?      500m    ?      <none>       0/1

NAMESPACE   NAME    CPU    LIMIT   LOAD   THRESHOLDS   HYPERVISOR
t2          web-2   450m   500m    90%    25%-60%      hv1
t2          web-1   100m   500m    20%    25%-60%      hv1
t2          db-1    ?      500m    ?      <none>       hv1
`);
  });

  test("of one tenant shows its own, and says whose it is no more than needed", () => {
    expect(describeUsage(usages("t2"), { manyTenants: false })).toContain("\nNAME   CPU    LIMIT   LOAD");
    expect(usages("t1").map(({ kind }) => kind)).toEqual(["hypervisors", "hypervisors"]);
    expect(describeUsage([], { manyTenants: true })).toBe("Nothing to show.\n");
  });

  test("tells programs why there is no load, and never zero for that", () => {
    const known = usages().map(({ name, load, missing }) => [
      name,
      load === undefined ? missing : typeof load,
    ]);
    expect(Object.fromEntries(known)).toEqual({
      hv1: "number",
      hv2: "its hypervisor gave no sample",
      web: "number",
      db: "none of its replicas has a load",
      "web-1": "number",
      "web-2": "number",
      "db-1": "it is the first sample of it",
    });
  });

  test.each(["tenants", "subnet/web", "pods"])("refuses %s", async (word) => {
    await expect(top(word, { output: "table", manifests: "nowhere" })).rejects.toMatchObject({
      code: "EK-USAGE",
    });
  });
});

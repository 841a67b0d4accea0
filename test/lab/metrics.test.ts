import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { counted, SNAPSHOT } from "../unit/metrics-values.ts";
import { type Background, eventually, type Fleet, Lab } from "./lab.ts";

jest.setTimeout(120_000);

const DAEMON = "http://127.0.0.1:9478";
const PROMETHEUS = "http://127.0.0.1:19090";

/** What promtool has to say: nothing, when all is well. */
function complaints(input: string): string {
  const { stdout, stderr, status } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  return `${stdout}${stderr}${status === 0 ? "" : `exit ${status}`}`;
}

test("promtool has nothing to say about the metrics", async () => {
  expect(complaints(await counted().render(SNAPSHOT))).toBe("");
});

describe("a Prometheus that scrapes the daemon", () => {
  let lab: Lab;
  let fleet: Fleet;
  let daemon: Background;
  let prometheus: Background;

  beforeAll(async () => {
    lab = await Lab.up("metrics");
    fleet = lab.fleet();
    // Nobody answers before it is told to.
    for (const hv of ["hv1", "hv2"] as const)
      await lab.replace(
        hv,
        "timeout",
        'while [ ! -e /run/go ]; do sleep .1; done; exec /usr/bin/timeout "$@"',
      );
    daemon = lab.daemon(fleet);
    const folder = join(lab.folder, "prometheus");
    mkdirSync(folder);
    writeFileSync(
      join(folder, "prometheus.yml"),
      `global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: evenkeel, static_configs: [{targets: ["${new URL(DAEMON).host}"]}]}]
`,
    );
    prometheus = lab.begin("ctl", [
      "prometheus",
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${new URL(PROMETHEUS).host}`,
    ]);
  });
  afterAll(async () => {
    await prometheus.stop();
    await daemon.stop();
    await lab.down();
  });

  /** The status of an answer, 0 for none. */
  const status = async (path: string): Promise<number> =>
    Number(
      (await lab.try("ctl", ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", DAEMON + path])).stdout,
    );

  /** The series that a query finds now: values by one of their labels. */
  async function query(text: string, label: string): Promise<Record<string, number>> {
    const url = `${PROMETHEUS}/api/v1/query?query=${encodeURIComponent(text)}`;
    const { stdout } = await lab.try("ctl", ["curl", "-s", "-m", "5", url]);
    if (stdout === "") return {};
    const { data } = JSON.parse(stdout) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return Object.fromEntries(
      data.result.map(({ metric, value }) => [metric[label] ?? "", Number(value[1])]),
    );
  }

  /** Containers by tenant, as Docker tells. */
  async function running(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { tenant, subnet } of await lab.containers())
      if (subnet === "web") counts[tenant] = (counts[tenant] ?? 0) + 1;
    return counts;
  }

  const DESIRED = 'evenkeel_subnet_desired_replicas{subnet="web"}';

  test("is scraped from the start, alive at once, and ready when it knows the fleet", async () => {
    await eventually("it listens", async () => (await status("/healthz")) === 200);
    expect(await status("/readyz")).toBe(503);
    for (const hv of ["hv1", "hv2"] as const) await lab.sh(hv, "touch /run/go");
    await eventually("it is ready", async () => (await status("/readyz")) === 200);
    await eventually("it is up", async () => (await query("up", "job"))["evenkeel"] === 1);
  });

  test("tells as many replicas as Docker does", async () => {
    const wanted = { t1: 3, t2: 3 };
    await eventually(
      "three each",
      async () => JSON.stringify(await running()) === JSON.stringify(wanted),
      40,
    );
    await eventually(
      "that is what is told",
      async () => JSON.stringify(await query(DESIRED, "tenant")) === JSON.stringify(wanted),
    );
    fleet.edit("tenants/t1/web.yaml", "min: 3", "min: 4");
    await eventually("four", async () => (await running())["t1"] === 4);
    await eventually("four are told", async () => (await query(DESIRED, "tenant"))["t1"] === 4);
    const ready = 'evenkeel_subnet_replicas{subnet="web",state="ready"}';
    await eventually("four are told to be ready", async () => (await query(ready, "tenant"))["t1"] === 4);
  });

  test("promtool has nothing to say about what the daemon tells", async () => {
    const text = await lab.sh("ctl", `curl -sf ${DAEMON}/metrics`);
    expect(text).toContain("evenkeel_subnet_desired_replicas{");
    expect(complaints(text)).toBe("");
  });

  test("what a tenant had goes with it", async () => {
    const series = 'count({tenant="t2"}) by (tenant)';
    expect((await query(series, "tenant"))["t2"]).toBeGreaterThan(0);
    fleet.remove("provider/t2.yaml", "tenants/t2");
    await eventually("its containers are gone", async () => (await running())["t2"] === undefined, 60);
    await eventually("its series are gone", async () => (await query(series, "tenant"))["t2"] === undefined);
    expect(await query(DESIRED, "tenant")).toEqual({ t1: 4 });
  });

  test("a dead hypervisor is told of, and does not make the daemon unready", async () => {
    await lab.hack("cut", "hv2");
    fleet.edit("tenants/t1/web.yaml", "min: 4", "min: 3"); // something to look for
    await eventually(
      "it is told",
      async () => (await query("evenkeel_hypervisor_up", "hypervisor"))["hv2"] === 0,
      60,
    );
    expect(await query("evenkeel_hypervisor_up", "hypervisor")).toEqual({ hv1: 1, hv2: 0 });
    expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 200]);
    expect(await query("up", "job")).toEqual({ evenkeel: 1 });
  });
});

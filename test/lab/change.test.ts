import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { join } from "node:path";
import { type Answer, type Background, eventually, type Fleet, Lab, partOf, type Ran, tally } from "./lab.ts";
import type { DrainReceipt } from "../../src/replicas/receipt.ts";

jest.setTimeout(90_000);

let lab: Lab;
let fleet: Fleet;
let example: Record<string, string>;

beforeAll(async () => {
  lab = await Lab.up("change");
  fleet = lab.fleet();
  // A drain ends as soon as nothing is left. One that ended too early would have a second to finish: too little.
  for (const tenant of ["t1", "t2"])
    fleet.write(`tenants/${tenant}/web.yaml`, withDrain(fleet.read(`tenants/${tenant}/web.yaml`)));
  // Room at home for what a roll makes first.
  fleet.edit("provider/hv1.yaml", "cpu: 1400m", "cpu: 2100m");
  example = fleet.files();
  await lab.converge(fleet);
});
afterEach(async () => {
  fleet.restore(example);
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const withDrain = (text: string): string =>
  `${text.replace(/\n {2}drain:.*\n/, "\n")}  drain: {gracePeriodSeconds: 20, signal: SIGTERM, stopSeconds: 1}\n`;
const url = (tenant: string, path = "/"): string => `http://${fleet.service(tenant)}${path}`;
/** Counts a tenant's connections, in its gateway. */
const ESTABLISHED = "conntrack -L -p tcp --state ESTABLISHED 2>/dev/null | grep -c . || :";
const said = ({ stdout, stderr }: Ran): string => stdout + stderr;

interface Result extends Answer {
  readonly n: number;
  readonly error?: string;
}

/** Requests on and on while something is done. Answers by number; every one must have been answered. */
async function whileAsked(tenant: string, work: () => Promise<unknown>): Promise<Result[]> {
  const load = lab.begin("client", ["node", join(process.cwd(), "test/lab/client.mjs"), url(tenant), "20"]);
  await load.says(/begun/);
  await work();
  const { stdout } = await load.stop();
  const results = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Result);
  expect(results.length).toBeGreaterThan(20);
  expect(results.filter(({ status }) => status !== 200)).toEqual([]);
  return results.toSorted((a, b) => a.n - b.n);
}

describe("a roll:", () => {
  const CASES: [string, string, string, (answer: Answer) => boolean][] = [
    ["image", "image: evenkeel/web:1", "image: evenkeel/web:2", ({ version }) => version === "2"],
    ["env", "hello from t1", "good day", ({ greeting }) => greeting === "good day"],
  ];
  test.each(CASES)(
    "a changed %s replaces all replicas, and no request fails",
    async (_what, from, to, isNew) => {
      const [old, other] = [await lab.containers("t1"), await lab.containers("t2")];
      fleet.edit("tenants/t1/web.yaml", from, to);
      const results = await whileAsked("t1", () => lab.converge(fleet));
      expect(results.map(isNew).at(0)).toBe(false);
      const fresh = await lab.containers("t1");
      expect(fresh.map(({ replica }) => replica)).toEqual(["web-1", "web-2", "web-3"]);
      expect(fresh.filter(({ id }) => old.some((one) => one.id === id))).toEqual([]);
      expect(await lab.containers("t2")).toEqual(other);
      const answers = await lab.requests("client", url("t1"), 9);
      expect(tally(answers)).toEqual({ "web-1": 3, "web-2": 3, "web-3": 3 });
      expect(answers.filter((answer) => !isNew(answer))).toEqual([]);
    },
  );

  test("a changed limit replaces all replicas, and Docker holds them to it", async () => {
    fleet.edit("tenants/t2/web.yaml", "cpu: 200m, memory: 64Mi", "cpu: 300m, memory: 96Mi");
    await whileAsked("t2", () => lab.converge(fleet));
    for (const { hv, id } of await lab.containers("t2")) {
      const limits = await lab.sh(
        hv,
        `docker inspect -f '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}' ${id}`,
      );
      expect(limits.trim()).toBe(`300000000 ${96 * 2 ** 20}`);
    }
  });

  test("a download that was begun before it ends whole, on its old replica", async () => {
    const downloads = await begunDownloads("t1");
    const old = await lab.containers("t1");
    fleet.edit("tenants/t1/web.yaml", "hello from t1", "hello again");
    const run = lab.begin("ctl", lab.command(fleet, "--once"));
    // The first new replica serves while the old ones, with their downloads, still stand.
    await eventually("the first new one serves", async () =>
      (await lab.requests("client", url("t1"), 4)).some(({ greeting }) => greeting === "hello again"),
    );
    const standing = (await lab.containers("t1")).map(({ id }) => id);
    expect(old.filter(({ id }) => !standing.includes(id))).toEqual([]);

    for (const download of downloads) {
      expect(await download.ended).toBe(0);
      expect(download.stdout).toBe("200 1500000");
    }
    expect(await run.ended).toBe(0);
    expect((await lab.containers("t1")).filter(({ id }) => old.some((one) => one.id === id))).toEqual([]);
  });

  test("a drain ends when its download has, with nothing cut", async () => {
    const downloads = await begunDownloads("t1");
    fleet.edit("tenants/t1/web.yaml", "hello from t1", "hello once more");
    const receipts = await drainedBy("t1");
    for (const download of downloads)
      expect([await download.ended, download.stdout]).toEqual([0, "200 1500000"]);
    expect(receipts).toHaveLength(3);
    expect(receipts.filter(({ reason, connectionsCut }) => reason !== "empty" || connectionsCut > 0)).toEqual(
      [],
    );
    expect(Math.max(...receipts.map(({ connectionsSeen }) => connectionsSeen))).toBeGreaterThan(0);
  });

  test("a download that takes too long is cut at the deadline, which its client sees and the receipt says", async () => {
    fleet.edit("tenants/t1/web.yaml", "gracePeriodSeconds: 20", "gracePeriodSeconds: 1");
    await lab.converge(fleet);
    const [download, ...others] = await begunDownloads("t1", "/bytes?n=9000000&rate=100000");
    await Promise.all(others.map((other) => other.stop()));
    await eventually(
      "one connection",
      async () => Number(await lab.inTenant("hv1", "t1", ESTABLISHED)) === 1,
    );
    fleet.edit("tenants/t1/web.yaml", "hello from t1", "hello at last");
    const receipts = await drainedBy("t1");
    // 56: the connection was reset; 28 would be curl's own time-out.
    expect(await download?.ended).toBe(56);
    const cut = receipts.filter(({ connectionsCut }) => connectionsCut > 0);
    expect(cut).toMatchObject([{ reason: "deadline", connectionsSeen: 1, connectionsCut: 1 }]);
    expect(receipts).toHaveLength(3);
  });

  test("a connection from a neighbour, which passes no gateway, is waited for too", async () => {
    const [from, , to] = await lab.containers("t2");
    if (!from || !to) throw new Error("t2 was expected to have three replicas");
    const slow = `curl -s -m 30 -o /dev/null -w '%{http_code} %{size_download}' 'http://${to.address}:8080/bytes?n=1500000&rate=300000'`;
    const download = lab.begin(from.hv, ["nsenter", "-t", String(from.pid), "-n", "sh", "-c", slow]);
    await eventually("it is connected", async () =>
      (await lab.inside(to, "ss -Hnt state established")).includes(":8080"),
    );
    fleet.edit("tenants/t2/web.yaml", "min: 3, max: 6", "min: 2, max: 2");
    const receipts = await drainedBy("t2");
    expect([await download.ended, download.stdout]).toEqual([0, "200 1500000"]);
    expect(receipts).toMatchObject([
      { replica: to.replica, reason: "empty", connectionsSeen: 1, connectionsCut: 0 },
    ]);
  });

  test("an image that fails stops it, exit 3, and the old replicas go on serving", async () => {
    const old = await lab.containers("t1");
    fleet.edit("tenants/t1/web.yaml", "image: evenkeel/web:1", "image: evenkeel/broken:1");
    let ran: Ran | undefined;
    await whileAsked("t1", async () => (ran = await lab.once(fleet)));
    expect([ran?.code, ran && said(ran)]).toEqual([3, expect.stringMatching(/web-1/)]);
    const standing = await lab.containers("t1");
    for (const one of old) expect(standing).toContainEqual(one);
    expect(standing.filter(({ image }) => image === "evenkeel/broken:1")).toHaveLength(1);
  });

  /** Converges, and tells what the drains of that tenant came to. */
  async function drainedBy(tenant: string): Promise<DrainReceipt[]> {
    const ran = await lab.once(fleet, "--log-level", "info");
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringMatching(/./)]);
    const lines = ran.stderr.split("\n").filter((line) => line.startsWith("{"));
    const entries = lines.map((line) => JSON.parse(line) as { receipt?: DrainReceipt });
    const receipts = entries.flatMap(({ receipt }) => receipt ?? []);
    const cut = receipts.reduce((sum, { connectionsCut }) => sum + connectionsCut, 0);
    expect(ran.stdout).toMatch(
      new RegExp(
        `^Drained ${receipts.length} replicas?: \\d+ connections? ended, ${cut || "none"} cut\\.$`,
        "m",
      ),
    );
    return receipts.filter((receipt) => receipt.tenant === tenant);
  }

  /** Three slow downloads, one from each replica, that take about 5 seconds unless they are told otherwise. */
  async function begunDownloads(
    tenant: string,
    path = "/bytes?n=1500000&rate=300000",
  ): Promise<Background[]> {
    const slow = url(tenant, path);
    const format = "%{http_code} %{size_download}";
    const downloads = [1, 2, 3].map(() =>
      lab.begin("client", ["curl", "-s", "-m", "30", "-o", "/dev/null", "-w", format, slow]),
    );
    await eventually("three connections", async () => {
      return Number(await lab.inTenant("hv1", tenant, ESTABLISHED)) >= 3;
    });
    return downloads;
  }
});

test("a scale-out and a scale-in: nothing fails, and what stays is untouched", async () => {
  const three = await lab.containers("t2");
  fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 5");
  await whileAsked("t2", () => lab.converge(fleet));
  const five = await lab.containers("t2");
  expect(five.map(({ replica }) => replica)).toEqual(["web-1", "web-2", "web-3", "web-4", "web-5"]);
  expect(five.slice(0, 3)).toEqual(three);
  expect(new Set(Object.values(tally(await lab.requests("client", url("t2"), 10))))).toEqual(new Set([2]));

  fleet.edit("tenants/t2/web.yaml", "min: 5, max: 6", "min: 2, max: 2");
  await whileAsked("t2", () => lab.converge(fleet));
  expect(await lab.containers("t2")).toEqual(three.slice(0, 2));
  expect(tally(await lab.requests("client", url("t2"), 10))).toEqual({ "web-1": 5, "web-2": 5 });
});

test("a UDP client of a replica that goes is sent to another one", async () => {
  fleet.edit("tenants/t2/web.yaml", "min: 3, max: 6", "min: 1, max: 1");
  const ask = `exec 3<>/dev/udp/${fleet.service("t2")}/53
while read -r word; do echo "$word" >&3; timeout 2 head -n 1 <&3 || echo none; done`;
  // One socket, so that conntrack goes on knowing the flow.
  const clients = [1, 2, 3].map(() => lab.begin("client", ["bash", "-c", ask]));
  for (const client of clients) client.tell("before");
  for (const client of clients) await client.says(/web-\d before/);
  await lab.converge(fleet);
  for (const client of clients) client.tell("after");
  for (const client of clients) await client.says(/web-1 after/);
  for (const client of clients) await client.stop();
});

test("a subnet that goes takes its bridge, VXLAN, rules and replicas along, nothing else", async () => {
  fleet.edit("tenants/t2/batch.yaml", "min: 0", "min: 1");
  await lab.converge(fleet);
  const others = await lab.containers("t2", "web");
  // While both stand, the gateway routes between them, in both directions.
  const [batch, ...more] = await lab.containers("t2", "batch");
  const [web] = others;
  if (!batch || !web) throw new Error("both subnets were expected to have a replica");
  expect(more).toEqual([]);
  for (const [from, to] of [[web, batch] as const, [batch, web] as const]) {
    const answer = await lab.inside(from, `curl -s -m 3 http://${to.address}:8080/`);
    expect(JSON.parse(answer)).toMatchObject({ hostname: to.replica, client: from.address });
  }
  const first = partOf(await lab.snapshots(), "t1");

  fleet.remove("tenants/t2/batch.yaml");
  await whileAsked("t2", () => lab.converge(fleet));
  expect(await lab.containers("t2")).toEqual(others);
  const snapshots = await lab.snapshots();
  const left = Object.values(partOf(snapshots, "t2")).join("\n");
  expect(left).not.toMatch(/batch|10\.13\.14\./);
  expect(partOf(snapshots, "t1")).toEqual(first);
});

test("a service that goes is not answered any more, and its replicas stay", async () => {
  const before = await lab.containers("t1");
  const address = fleet.service("t1");
  fleet.edit("tenants/t1/web.yaml", /\n {2}# How the replicas are reached[^]*?protocol: UDP\}\n/, "\n");
  await lab.converge(fleet);
  expect(await lab.containers("t1")).toEqual(before);
  expect(tally(await lab.requests("client", `http://${address}/`, 1, 1))).toEqual({ none: 1 });
  const tables = await lab.inTenant("hv1", "t1", "iptables-save; ip -4 addr");
  expect(tables).not.toContain(address);
});

describe("what may not change while replicas stand is refused, exit 3, and nothing is touched:", () => {
  test.each([
    ["cidr", "tenants/t1/web.yaml", "cidr: 10.13.13.0/24", "cidr: 10.13.77.0/24"],
    [
      "managementNetwork",
      "provider/t1.yaml",
      "  quota:",
      "  managementNetwork: {cidr: 192.168.77.0/24}\n  quota:",
    ],
  ])("%s", async (what, file, from, to) => {
    const before = await lab.snapshots();
    fleet.edit(file, from, to);
    const ran = await lab.once(fleet);
    expect([ran.code, said(ran)]).toEqual([3, expect.stringMatching(new RegExp(what))]);
    expect(said(ran)).toMatch(/approve/);
    expect(await lab.snapshots()).toEqual(before);
  });
});

test("a changed service port changes nat and the refusals, and no replica", async () => {
  const before = await lab.snapshots();
  fleet.edit("tenants/t1/web.yaml", "port: 80, targetPort: http", "port: 81, targetPort: http");
  await lab.converge(fleet);
  const after = await lab.snapshots();
  expect({ ...after.hv1, "campus.t1 tables": "" }).toEqual({ ...before.hv1, "campus.t1 tables": "" });
  expect(after.hv2).toEqual(before.hv2);
  const answers = await lab.requests("client", `http://${fleet.service("t1")}:81/`, 6);
  expect(tally(answers)).toEqual({ "web-1": 2, "web-2": 2, "web-3": 2 });
  expect(tally(await lab.requests("client", url("t1"), 1, 1))).toEqual({ none: 1 });
});

test("one replica more writes nat anew, and no filter: its counters go on", async () => {
  const packets = async (table: string): Promise<number> => {
    const rules = await lab.inTenant("hv1", "t2", `iptables-save -c -t ${table}`);
    return [...rules.matchAll(/^\[(\d+):/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  await lab.requests("client", url("t2"), 12);
  const before = { filter: await packets("filter"), nat: await packets("nat") };
  fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
  await lab.converge(fleet);
  expect(await packets("filter")).toBeGreaterThanOrEqual(before.filter);
  expect(await packets("nat")).toBeLessThan(before.nat);
});

describe("egress", () => {
  const get = (from: string): string =>
    `curl -s -m 2 -o /dev/null -w '%{http_code}' http://${from}:9000/ || :`;
  let outside: Background;
  beforeAll(async () => {
    const server = `require("http").createServer((q, r) => r.end(q.socket.remoteAddress)).listen(9000, () => console.log("on"))`;
    outside = lab.begin("client", ["node", "-e", server]);
    await outside.says(/on/);
  });
  afterAll(() => outside.stop());

  test("none: replicas reach nobody outside", async () => {
    for (const of of await lab.containers("t1"))
      expect(await lab.inside(of, get(lab.hosts.client))).toBe("000");
  });

  test("snat: they do, and are seen as their service address", async () => {
    fleet.edit("provider/t1.yaml", "  quota:", "  egress: snat\n  quota:");
    await lab.converge(fleet);
    for (const of of await lab.containers("t1")) {
      const seen = await lab.inside(of, `curl -s -m 3 http://${lab.hosts.client}:9000/`);
      expect(seen).toContain(fleet.service("t1"));
    }
    const [t2] = await lab.containers("t2");
    if (!t2) throw new Error("t2 has no replica");
    expect(await lab.inside(t2, get(lab.hosts.client))).toBe("000");
  });
});

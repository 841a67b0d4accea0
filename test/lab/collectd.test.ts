import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { decided, decisions } from "./decisions.ts";
import { type Background, type Container, eventually, type Fleet, type Hv, Lab, namespace } from "./lab.ts";

jest.setTimeout(180_000);

const WEB = "tenants/t1/web.yaml";
const BY_STEAL =
  '  autoscale: {thresholds: {"collectd.percent-steal": {min: 5, max: 20}}, sampleSeconds: 2, windowSeconds: 4, cooldownSeconds: 6}\n';

let lab: Lab;
let fleet: Fleet;
let senders: Sender[] = [];

beforeAll(async () => {
  lab = await Lab.up("collectd");
  fleet = lab.fleet();
  fleet.remove("tenants/t2/batch.yaml");
  fleet.edit("provider/hv1.yaml", "cpu: 1400m", "replicas: 4");
  fleet.edit("tenants/t2/web.yaml", "min: 3, max: 6", "min: 1, max: 2");
  fleet.edit(WEB, "min: 3, max: 6", "min: 2, max: 3");
  fleet.write(WEB, `${fleet.read(WEB)}\n${BY_STEAL}`);
  await lab.converge(fleet);
});
afterAll(async () => {
  await Promise.all(senders.map((one) => one.stop()));
  await lab.down();
});

/** A collectd in a replica's network, as a guest would have one, and what feeds it: it reads nothing by itself. */
class Sender {
  readonly #collectd: Background;
  readonly #feed: Background;

  constructor(collectd: Background, feed: Background) {
    this.#collectd = collectd;
    this.#feed = feed;
  }

  /** @param names in whose name it sends, one figure after the other; its own unless said */
  static async at({ hv, pid, id, replica: own }: Container, ...names: readonly string[]): Promise<Sender> {
    const folder = `/run/sender-${id.slice(0, 12)}`;
    await lab.try(hv, ["sh", "-c", `mkdir -p ${folder}; cat > ${folder}/collectd.conf`], CLIENT(own, folder));
    const enter = ["nsenter", "-t", String(pid), "-n"];
    const collectd = lab.begin(hv, [...enter, "collectd", "-f", "-C", `${folder}/collectd.conf`]);
    await eventually(
      "it takes figures",
      async () => (await lab.try(hv, ["test", "-S", `${folder}/socket`])).code === 0,
    );
    const sender = new Sender(
      collectd,
      lab.begin(hv, ["node", "-e", FEED, `${folder}/socket`, ...(names.length > 0 ? names : [own])]),
    );
    senders.push(sender);
    return sender;
  }

  /** From now on it says that so much of its CPUs is stolen, twice a second. */
  says(percent: number): void {
    this.#feed.tell(String(percent));
  }

  async stop(): Promise<void> {
    senders = senders.filter((one) => one !== this);
    await Promise.all([this.#feed.stop(), this.#collectd.stop()]);
  }
}

const CLIENT = (name: string, folder: string): string => `
Hostname "${name}"
FQDNLookup false
BaseDir "${folder}"
TypesDB "/usr/share/collectd/types.db"
Interval 1
<LoadPlugin network>
FlushInterval 1
</LoadPlugin>
LoadPlugin unixsock
<Plugin network>
Server "192.168.252.1" "25826"
</Plugin>
<Plugin unixsock>
SocketFile "${folder}/socket"
SocketGroup "root"
DeleteSocket true
</Plugin>
`;

const FEED = `
const [path, ...names] = process.argv.slice(1);
const socket = require("net").connect(path).on("data", () => {});
let value;
require("readline").createInterface({ input: process.stdin }).on("line", (line) => { value = line; });
setInterval(() => {
  if (value !== undefined) for (const name of names) socket.write('PUTVAL "' + name + '/cpu/percent-steal" interval=1 N:' + value + '\\n');
}, 500);`;

/** What a tenant's collector shows of steal: `web-1 42.5`, sorted. */
async function shown(tenant = "t1", hv: Hv = "hv1"): Promise<string[]> {
  const text = await lab.inTenant(hv, tenant, "curl -s -m 2 http://127.0.0.1:9103/metrics || :");
  return [...text.matchAll(/^collectd_cpu_percent\{cpu="steal",instance="(\S+)"\} (\S+)/gm)]
    .map(([, name, value]) => `${name} ${value}`)
    .toSorted();
}

const shows = (...figures: readonly string[]): Promise<unknown> =>
  eventually(`${figures.join(", ")} is shown`, async () => (await shown()).join() === figures.join());

/** The collectors in a tenant's namespace, by the kernel's word. */
const collectors = async (tenant = "t1", hv: Hv = "hv1"): Promise<number[]> =>
  (
    await lab.sh(
      hv,
      `for p in $(ip netns pids ${namespace(tenant)}); do echo "$p $(cat /proc/$p/comm)"; done`,
    )
  )
    .split("\n")
    .flatMap((line) => (line.endsWith(" collectd") ? [Number(line.split(" ")[0])] : []));

const only = async (): Promise<number> => {
  const [pid = 0, ...more] = await collectors();
  expect([pid > 0, ...more]).toEqual([true]);
  return pid;
};

const replica = async (name: string, tenant = "t1"): Promise<Container> => {
  const found = (await lab.containers(tenant)).find((one) => one.replica === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
};

test("a collector stands where a subnet goes by its figures, at home, and nowhere else", async () => {
  await only();
  expect(await collectors("t2")).toEqual([]);
  expect(await collectors("t1", "hv2")).toEqual([]);
  const status = await lab.sh("hv1", `grep -E '^(Uid|CapEff|NoNewPrivs)' /proc/${await only()}/status`);
  expect(status.split("\n")).toEqual([
    "Uid:\t65534\t65534\t65534\t65534",
    "CapEff:\t0000000000000000",
    "NoNewPrivs:\t1",
    "",
  ]);
  expect((await lab.once(fleet)).stdout).toContain("No change");
});

test("it hears its tenant's replicas over the management network, and no other tenant's", async () => {
  const sender = await Sender.at(await replica("web-1"));
  sender.says(42.5);
  await shows("web-1 42.5");
  // Of the other tenant, under the same name, at the same address: what it sends ends in its own gateway.
  const other = await Sender.at(await replica("web-1", "t2"));
  const dropped = async (): Promise<number> => {
    const [, count] =
      /policy DROP (\d+) packets/.exec(await lab.inTenant("hv1", "t2", "iptables -w -nvL INPUT")) ?? [];
    return Number(count);
  };
  const before = await dropped();
  other.says(77);
  await eventually("it was dropped", async () => (await dropped()) > before);
  await shows("web-1 42.5");
  expect(await collectors("t2")).toEqual([]);
  await other.stop();
  // A name that no replica of a subnet with such a threshold has is not kept.
  const stranger = await Sender.at(await replica("web-2"), "db-1", "web-2");
  stranger.says(1);
  await shows("web-1 42.5", "web-2 1");
  await Promise.all([stranger.stop(), sender.stop()]);
  await shows();
});

test("one that was killed, or whose file was edited by hand, runs again as it should", async () => {
  const first = await only();
  await lab.sh("hv1", `kill -9 ${first}`);
  expect((await lab.reconcile(fleet, "plan")).stdout).toMatch(/~ collector +t1@hv1 +it does not run/);
  await lab.converge(fleet);
  const second = await only();
  expect(second).not.toBe(first);
  const file = "/run/evenkeel-collectors/campus/t1/configuration";
  await lab.sh("hv1", `echo 'LoadPlugin csv' >> ${file}`);
  await lab.converge(fleet);
  expect(await only()).not.toBe(second);
  expect(await lab.sh("hv1", `cat ${file}`)).not.toContain("csv");
  expect((await lab.once(fleet)).stdout).toContain("No change");
});

test("one that cannot be started says so, and holds up nothing else", async () => {
  await lab.sh("hv1", `kill -9 ${await only()}`);
  const enter = ["nsenter", `--net=/run/netns/${namespace("t1")}`];
  const thief = lab.begin("hv1", [...enter, "busybox", "nc", "-l", "-p", "9103"]);
  await eventually("the port is taken", async () =>
    (await lab.inTenant("hv1", "t1", "ss -Hlnt")).includes("*:9103"),
  );
  fleet.edit("tenants/t2/web.yaml", "min: 1", "min: 2");
  const { code, stdout } = await lab.once(fleet);
  expect([code, stdout.replaceAll(/\s+/g, " ")]).toEqual([
    3,
    expect.stringMatching(/CollectorFailing.*on hv1 .*\[127\.0\.0\.1\]:9103 failed/),
  ]);
  expect(await collectors()).toEqual([]);
  expect((await replica("web-2", "t2")).running).toBe(true);
  await thief.stop();
  await lab.converge(fleet);
  await only();
});

test("the count follows what was sent; when nothing is sent any more there is no sample, and nothing is done", async () => {
  const daemon = lab.daemon(fleet);
  await decided(fleet, /^window: collectd\.percent-steal has no sample/);
  const here = await lab.containers("t1");
  expect(here.map((one) => one.replica)).toEqual(["web-1", "web-2"]);
  const both = await Promise.all(here.map((one) => Sender.at(one)));
  both[0]?.says(10);
  both[1]?.says(12);
  const { replicas, trace } = await decided(fleet, /^window: collectd\.percent-steal 11, between/);
  expect(replicas.map(({ sample }) => sample)).toEqual([{ ratio: 10 }, { ratio: 12 }]);
  expect([trace.current, trace.desired]).toEqual([2, 2]);
  both[0]?.says(42.5);
  await eventually(
    "a third runs",
    async () => {
      const now = await lab.containers("t1");
      return now.length === 3 && now.every(({ running }) => running);
    },
    60,
  );
  const grown = decisions(fleet).find((one) => one.trace.desired === 3);
  expect(grown?.trace.stages[0]?.reason).toMatch(/^collectd\.percent-steal 27\.3 > 20/);
  // Low figures of some, and none of the one that came, take nobody away; nor do none at all.
  for (const one of both) one.says(1);
  await decided(fleet, /^window: .*some ready replicas have no sample/);
  await Promise.all(both.map((one) => one.stop()));
  await shows();
  await decided(fleet, /^window: collectd\.percent-steal has no sample/);
  expect((await lab.containers("t1")).map((one) => one.replica)).toEqual(["web-1", "web-2", "web-3"]);
  expect((await daemon.stop()).code).toBe(0);
});

test("it goes when no subnet goes by its figures any more, with the way to it", async () => {
  const way = async (): Promise<boolean> =>
    (await lab.inTenant("hv1", "t1", "iptables-save -t filter")).includes("--dport 25826");
  await only();
  expect(await way()).toBe(true);
  fleet.edit(WEB, BY_STEAL, "");
  await lab.converge(fleet);
  expect([await collectors(), await way()]).toEqual([[], false]);
  expect((await lab.try("hv1", ["ls", "/run/evenkeel-collectors/campus"])).stdout).toBe("");
});

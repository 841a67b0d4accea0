import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { join } from "node:path";
import { type Background, type Container, eventually, type Fleet, Lab } from "./lab.ts";

jest.setTimeout(300_000);

const WEB = "tenants/t1/web.yaml";
const [LEAST, MOST] = [2, 6];
const SCALE_INS = 20;
/** Kept connections, of which each goes through the whole test. */
const CONNECTIONS = 24;
/** A request each so many milliseconds: 125 a second. */
const MILLISECONDS = 8;
/** Bytes, and bytes a second: a download takes two and a half seconds. */
const DOWNLOAD = { bytes: 500_000, rate: 200_000 };

let lab: Lab;
let fleet: Fleet;
let daemon: Background;

beforeAll(async () => {
  lab = await Lab.up("scale-in");
  fleet = lab.fleet();
  fleet.remove("provider/t2.yaml", "tenants/t2");
  // Every other one of those that come and go stands on hv2.
  fleet.edit("provider/hv1.yaml", "cpu: 1400m", "replicas: 4");
  fleet.edit(WEB, "min: 3, max: 6", `min: ${LEAST}, max: ${MOST}`);
  fleet.write(WEB, `${fleet.read(WEB)}\n  drain: {gracePeriodSeconds: 3, signal: SIGTERM, stopSeconds: 4}\n`);
  daemon = lab.daemon(fleet);
  const standing = await stands(LEAST);
  // One that runs is not asked yet: clients come when the balancer points at all of them.
  await eventually("all are balanced", async () => (await balanced(standing)).length === LEAST);
});
afterAll(async () => {
  await daemon.stop();
  await lab.down();
});

/** A line of the client's own log. Times are milliseconds since the epoch. */
interface Logged {
  readonly n: number;
  readonly by: "new" | "kept" | "download";
  readonly began: number;
  readonly ended: number;
  readonly status: number;
  readonly port?: number;
  readonly hostname?: string;
  readonly bytes?: number;
  readonly error?: string;
  readonly cut?: boolean;
}

const stands = (count: number): Promise<Container[]> =>
  eventually(
    `${count} run`,
    async () => {
      const containers = await lab.containers();
      return containers.length === count && containers.every(({ running }) => running) && containers;
    },
    60,
  );

/** Replicas that new connections are sent to, as the gateway's balancer has them. */
async function balanced(containers: readonly Container[]): Promise<readonly Container[]> {
  const rules = await lab.inTenant("hv1", "t1", "iptables-save -t nat");
  return containers.filter(({ address }) => rules.includes(`--to-destination ${address}:8080`));
}

let least = LEAST;
function scaleTo(count: number): void {
  fleet.edit(WEB, `min: ${least}, max`, `min: ${count}, max`);
  least = count;
}

interface Drain {
  readonly gone: Container;
  /** By when it was out of the balancer, milliseconds since the epoch. */
  readonly drained: number;
}

/** Up by as many as there may be, and back one by one, each while a download from it goes on. */
async function upAndDown(load: Background): Promise<Drain[]> {
  const drains: Drain[] = [];
  scaleTo(MOST);
  let standing = await stands(MOST);
  await eventually("all are balanced", async () => (await balanced(standing)).length === MOST);
  for (let count = MOST - 1; count >= LEAST; count--) {
    const before = standing;
    const told = load.stderr.length;
    const next = `download from ${before.at(-1)?.replica}\n`;
    await eventually(`a ${next}`, () => load.stderr.includes(next, told));
    scaleTo(count);
    const left = await eventually("one is out of the balancer", async () => {
      const found = await balanced(before);
      return found.length === count && found;
    });
    const [gone, ...more] = before.filter(({ id }) => left.every((one) => one.id !== id));
    if (!gone || more.length > 0) throw new Error("one at a time was to go");
    drains.push({ gone, drained: Date.now() });
    standing = await stands(count);
    expect(standing).toEqual(left);
  }
  return drains;
}

/** What a client logs while something is done. */
async function whileAsked(
  work: (load: Background) => Promise<void>,
  { bytes, rate } = DOWNLOAD,
): Promise<Logged[]> {
  const client = join(process.cwd(), "test/lab/client.mjs");
  const words = [`http://${fleet.service("t1")}/`, MILLISECONDS, CONNECTIONS, bytes, rate].map(String);
  const load = lab.begin("client", ["node", client, ...words]);
  await load.says(/begun/);
  await work(load);
  const { stdout } = await load.stop();
  const lines = stdout.split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Logged).toSorted((a, b) => a.n - b.n);
}

test("no request fails through 20 scale-ins", async () => {
  const drains: Drain[] = [];
  const log = await whileAsked(async (load) => {
    while (drains.length < SCALE_INS) drains.push(...(await upAndDown(load)));
  });
  expect(drains).toHaveLength(SCALE_INS);
  expect(drains.filter(({ gone }) => gone.hv === "hv2")).toHaveLength(SCALE_INS / 2);

  expect(log.map(({ n }) => n)).toEqual(log.map((_, index) => index + 1));
  expect(log.filter(({ status, error }) => status !== 200 || error !== undefined)).toEqual([]);
  const downloads = log.filter(({ by }) => by === "download");
  expect(downloads.filter(({ bytes }) => bytes !== DOWNLOAD.bytes)).toEqual([]);

  // That it was as much load as it was meant to be.
  const seconds = ((log.at(-1)?.began ?? 0) - (log[0]?.began ?? 0)) / 1000;
  const kept = log.filter(({ by }) => by === "kept");
  expect((log.length - downloads.length) / seconds).toBeGreaterThanOrEqual(100);
  expect(kept.length).toBeGreaterThan((0.99 * (log.length - downloads.length)) / 2);
  const connections = new Set(kept.map(({ port }) => port));
  expect(connections.size).toBeGreaterThanOrEqual(CONNECTIONS);
  expect(kept.length / connections.size).toBeGreaterThan(5);
  const spanned = drains.filter(({ gone: { replica }, drained }) =>
    downloads.some(
      ({ hostname, began, ended }) => hostname === replica && began < drained && drained < ended,
    ),
  );
  expect(spanned).toEqual(drains);
});

test("a client that comes again from a port that it once had is answered, though whom it had is gone", async () => {
  const count = (from: number, to: number) =>
    fleet.edit(WEB, `min: ${from}, max: ${MOST}`, `min: ${to}, max: ${MOST}`);
  count(LEAST, LEAST + 1);
  const { address } = (await stands(LEAST + 1)).at(-1) ?? { address: "" };
  // As the gateway remembers a client that went without a word.
  const [client, service, port] = [lab.hosts.client, fleet.service("t1"), 45_555];
  await lab.inTenant(
    "hv1",
    "t1",
    `conntrack -I -p tcp --orig-src ${client} --orig-dst ${service} --sport ${port} --dport 80 \
      --reply-src ${address} --reply-dst ${client} --reply-port-src 8080 --reply-port-dst ${port} \
      --state ESTABLISHED --status SEEN_REPLY,ASSURED --timeout 600`,
  );
  const isKnown = async () =>
    (await lab.inTenant("hv1", "t1", `conntrack -L -p tcp --reply-src ${address}`)).includes(`sport=${port}`);
  expect(await isKnown()).toBe(true);
  count(LEAST + 1, LEAST);
  await stands(LEAST);
  await eventually("the gateway has forgotten who was there", async () => !(await isKnown()));
  const { code } = await lab.try("client", [
    "curl",
    "-sf",
    "-m",
    "5",
    "-o",
    "/dev/null",
    "--local-port",
    String(port),
    `http://${service}/healthz`,
  ]);
  expect(code).toBe(0);
});

test("without a grace period and time to stop, they do fail: the test can tell", async () => {
  fleet.edit(WEB, "gracePeriodSeconds: 3", "gracePeriodSeconds: 0");
  fleet.edit(WEB, "stopSeconds: 4", "stopSeconds: 0");
  // Downloads that take longer than any removal on a busy machine.
  const long = { ...DOWNLOAD, bytes: 4 * DOWNLOAD.bytes };
  const log = await whileAsked(async (load) => void (await upAndDown(load)), long);
  expect(log.filter(({ status }) => status !== 200).length).toBeGreaterThan(0);
  expect(log.filter(({ cut }) => cut).length).toBeGreaterThan(0);
});

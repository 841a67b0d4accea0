import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LegacyState } from "../../src/status/legacy-state.ts";
import { decided, decisions, rounds } from "./decisions.ts";
import { type Background, eventually, type Fleet, HYPERVISORS, type Hv, Lab, tally } from "./lab.ts";
import { fleetOfMachines, kernelWorkload, type Machine, machines, subnetOfMachines } from "./machines.ts";

jest.setTimeout(180_000);

const WEB = "tenants/t2/web.yaml";
const URL = "http://198.18.100.10/";

let lab: Lab;
let fleet: Fleet;
let daemon: Background;

const web = (): string =>
  subnetOfMachines("web", kernelWorkload(lab, 1), {
    cidr: "10.13.13.0/24",
    min: 2,
    max: 3,
    more: `  autoscale:
    thresholds: {steal: {min: 5, max: 20}}
    sampleSeconds: 2
    windowSeconds: 4
    cooldownSeconds: 6
`,
  });

/** The CPUs that all of a hypervisor's work may use at once: its own share of this machine. */
const share = (hv: Hv, cpus: number): Promise<string> =>
  lab.sh(hv, `echo ${cpus * 100_000} > /sys/fs/cgroup/cpu/cpu.cfs_quota_us`);

beforeAll(async () => {
  lab = await Lab.up("steal");
  fleet = fleetOfMachines(lab);
  fleet.remove("tenants/t1", "provider/t1.yaml", "tenants/t2/batch.yaml");
  fleet.edit("provider/hv1.yaml", "cpu: 1400m", 'cpu: "2"');
  fleet.write(WEB, web());
  for (const hv of HYPERVISORS) await lab.giveImages(hv, ["web-vmlinux", "web-initrd"]);
  await lab.converge(fleet);
  await share("hv1", 0.8);
  daemon = lab.daemon(fleet);
});
afterAll(() => lab.down());

const names = (all: readonly Machine[]): string[] =>
  all.map(({ replica, hv, state }) => `${replica} on ${hv} ${state}`);

/** Waits until exactly these run, as libvirt tells. */
const stands = (...wanted: readonly string[]): Promise<Machine[]> =>
  eventually(
    `${wanted.join(", ")} run`,
    async () => {
      const all = await machines(lab);
      return names(all).join() === wanted.map((one) => `${one} running`).join() && all;
    },
    90,
  );

/** Waits until the tenant's snapshot, as the predecessor wrote it, shows so many scaled and exactly these. */
const shown = (scaled: number, all: readonly Machine[]): Promise<unknown> =>
  eventually(`the snapshot shows ${scaled} scaled`, () => {
    const file = join(fleet.state, "snapshots", "t2.legacy.json");
    const { Details } = JSON.parse(readFileSync(file, "utf8")) as LegacyState;
    const [details] = Details;
    const places = details && "VMList" in details ? details.VMList : [];
    const found = places.flatMap(({ Hypervisor, List }) =>
      List.map((one) => [one.Name, one.IP, Hypervisor, one.ScaledUpOrder].join()),
    );
    const wanted = all.map(({ replica, mark, hv }, index) =>
      [replica, mark["address"], lab.hypervisor(hv).address, String(Math.max(index - 1, 0))].join(),
    );
    return (
      details?.status === (scaled > 0 ? "scaledup" : "idle") &&
      "num_scaled_vms" in details &&
      details.num_scaled_vms === String(scaled) &&
      found.join("\n") === wanted.join("\n")
    );
  });

const answering = async (): Promise<string[]> =>
  Object.keys(tally(await lab.requests("client", URL, 9, 10))).toSorted();

/** Work for the guests: so many at once ask again and again, each time on a connection of its own, with a rest between. */
const burn = (at: string, width: number, rest = 0): Background =>
  lab.begin("client", ["node", "-e", BURN, at, String(width), String(rest)]);

const BURN = `
const [at, width, rest] = process.argv.slice(1);
const ask = () => require("http").get(at, { agent: false }, (answer) => answer.resume().on("close", () => setTimeout(ask, Number(rest))))
  .on("error", () => setTimeout(ask, 200));
for (let n = 0; n < Number(width); n++) ask();`;

/** Takes all the CPU that it gets on a hypervisor; ends by itself after a minute at the latest. */
const hog = (hv: Hv): Background =>
  lab.begin(hv, [
    "sh",
    "-c",
    "read -r now _ </proc/uptime; end=$((${now%.*} + 60)); while [ ${now%.*} -lt $end ]; do read -r now _ </proc/uptime; done",
  ]);

test("T3 idle: machines with nothing to do wait for nothing, and round after round nothing is done", async () => {
  const before = await stands("web-1 on hv1", "web-2 on hv1");
  await rounds(lab, 6);
  expect(await machines(lab)).toEqual(before);
  const last = decisions(fleet).at(-1);
  expect(last?.trace).toMatchObject({ current: 2, desired: 2 });
  expect(last?.trace.metrics[0]?.ratio).toBeLessThan(0.05);
});

test("a neighbour's doing is told from demand, and nobody is added for it", async () => {
  // A little work in each machine, and beside them what takes all that the hypervisor has.
  const little = burn(`${URL}burn?ms=5`, 1, 200);
  await decided(fleet, /window: steal .*, between|window: steal .* </);
  const neighbours = [hog("hv1"), hog("hv1"), hog("hv1")];
  const { trace } = await decided(
    fleet,
    /contention: contention on hv1 \(steal .* %, own use .* %\), a neighbour's doing/,
  );
  expect(trace).toMatchObject({ current: 2, desired: 2 });
  expect(names(await machines(lab))).toHaveLength(2);
  await Promise.all([...neighbours, little].map((one) => one.stop("SIGKILL")));
  await decided(fleet, /window: steal .* < 5 %/);
});

test("T2 VM scale-up: stress in the machines, and a new one serves on the free hypervisor", async () => {
  const before = await machines(lab);
  const load = burn(`${URL}burn?ms=400`, 6);
  const after = await stands("web-1 on hv1", "web-2 on hv1", "web-3 on hv2");
  expect(after.slice(0, 2)).toEqual(before);
  await eventually("it is balanced", async () => (await answering()).length === 3, 60);
  await shown(1, after);
  const grown = decisions(fleet).find(({ trace }) => trace.desired === 3);
  expect(grown?.trace.stages.map(({ reason }) => reason).join("; ")).toMatch(/demand on hv1 \(steal/);
  await load.stop("SIGKILL");
});

test("T4 VM scale-down: load gone and cooldown over, the scaled one leaves the balancer, then is destroyed", async () => {
  const [, , third] = await machines(lab);
  await eventually(
    "it left the balancer",
    async () => {
      const rules = await lab.inTenant("hv1", "t2", "iptables-save -t nat");
      return !rules.includes(`--to-destination ${third?.mark["address"]}:`);
    },
    90,
  );
  await shown(0, await stands("web-1 on hv1", "web-2 on hv1"));
  expect(await answering()).toEqual(["web-1", "web-2"]);
  expect(await lab.sh("hv2", "ls /var/lib/evenkeel/campus/domains")).toBe("");
  expect((await daemon.stop()).code).toBe(0);
});

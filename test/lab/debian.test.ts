import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import { cpuScript, parseCpu } from "../../src/load/cpu.ts";
import { eventually, type Fleet, Lab, must, namespace, type Ran } from "./lab.ts";

// Emulated, and built before where the machine has no image of it yet.
jest.setTimeout(900_000);

/** What `hack/lab debian` tells of the hypervisor that it adds. */
interface Debian {
  readonly address: string;
  readonly edge: string;
  readonly hostKey: string;
  readonly sshConfig: string;
  readonly console: string;
}

let lab: Lab;
let debian: Debian;
let fleet: Fleet;

const SERVICE = "198.18.100.12";

/** Runs a shell script on the Debian, over SSH, whatever comes of it. */
const ssh = (script: string): Promise<Ran> =>
  lab.try("ctl", ["ssh", "-F", debian.sshConfig, "debian", "sh", "-es"], script);

const sh = (script: string): Promise<string> => must(ssh(script));

/** Emulated on a busy machine, it may not answer within evenkeel's deadlines: as anybody would, we try again. */
async function converge(): Promise<void> {
  let last: Ran | undefined;
  const converged = async (): Promise<boolean> => {
    last = await lab.once(fleet);
    return last.code === 0;
  };
  await eventually("it converges", converged, 240).catch((error: unknown) => {
    throw new Error(`--once ended with ${last?.code}\n${last?.stdout}\n${last?.stderr}`, { cause: error });
  });
}

const manifest = (): string => `
apiVersion: evenkeel.dev/v1alpha1
kind: Hypervisor
metadata: {name: debian}
spec:
  fleet: campus
  connection: {ssh: {address: ${debian.address}, identityFile: id_debian, hostKeys: ["${debian.hostKey}"]}}
  underlay: {address: ${debian.address}, device: eth0}
  uplink: {device: edge, address: ${debian.edge}/24, gateway: 198.18.100.1}
`;

beforeAll(async () => {
  lab = await Lab.up("debian");
  debian = JSON.parse(await lab.hack("debian")) as Debian;
  let state = "no answer";
  const booted = async (): Promise<boolean> => {
    const { stdout } = await ssh("systemctl is-system-running --wait");
    state = stdout.trim();
    return /running|degraded/.test(state);
  };
  await eventually("Debian has booted", booted, 300).catch((error: unknown) => {
    throw new Error(`${state}; its console: ${readFileSync(debian.console, "utf8")}`, { cause: error });
  });
  const image = `${lab.disk("hv1")}/evenkeel/web.tar`;
  await lab.sh("hv1", "docker save evenkeel/web:1 >/var/lib/evenkeel/web.tar");
  await lab.sh("ctl", `ssh -F '${debian.sshConfig}' debian docker load -q <'${image}'`);

  fleet = lab.fleet();
  fleet.remove("provider/hv1.yaml", "provider/hv2.yaml", "provider/t2.yaml", "tenants/t2");
  fleet.write("provider/debian.yaml", manifest());
  fleet.edit("provider/t1.yaml", /primary: hv1.*\n.*standby.*/, "primary: debian");
  fleet.edit("tenants/t1/web.yaml", "{min: 3, max: 6}", "{min: 1, max: 2}");
});
afterAll(() => lab.down());

test("it is what hv1 and hv2 are not: a kernel, a systemd and one tree of cgroups of its own", async () => {
  expect(await sh("ps -o comm= -p 1; stat -fc %T /sys/fs/cgroup")).toBe("systemd\ncgroup2fs\n");
  const format = "{{.Driver}} {{.CgroupDriver}} {{.CgroupVersion}}";
  expect(await sh(`docker info -f '${format}'`)).toBe("overlay2 systemd 2\n");
  expect(await sh("uname -r")).not.toBe(await lab.sh("hv1", "uname -r"));
});

test("a tenant stands there as its manifest says, and a second look finds nothing to do", async () => {
  await converge();
  const label = '{{.Label "dev.evenkeel.tenant"}}';
  expect(await sh(`docker ps --format '{{.Image}} ${label}'`)).toBe("evenkeel/web:1 t1\n");
  expect(await sh("ip netns list")).toContain(namespace("t1"));
  expect(
    await sh(
      'nsenter -n -t "$(docker inspect -f {{.State.Pid}} "$(docker ps -q)")" curl -s http://127.0.0.1:8080/healthz',
    ),
  ).toBe("ok\n");
  const [answer] = await lab.requests("client", `http://${SERVICE}/`, 1, 10);
  expect(answer).toMatchObject({ status: 200, hostname: "web-1", greeting: "hello from t1" });

  const { code, stdout } = await lab.reconcile(fleet, "diff");
  expect([code, stdout]).toEqual([0, expect.not.stringContaining("web")]);
});

test("its CPU counters are found: the container's own, and the whole host's", async () => {
  const id = (await sh("docker ps -q --no-trunc")).trim();
  const group = `/sys/fs/cgroup/system.slice/docker-${id}.scope`;
  const counters = async (): Promise<number[]> => {
    const lines = await sh(`sed -n 's/^usage_usec //p' ${group}/cpu.stat /sys/fs/cgroup/cpu.stat`);
    return lines
      .trim()
      .split("\n")
      .map((microseconds) => Number(microseconds) * 1000);
  };
  const [ownBefore = Number.NaN, allBefore = Number.NaN] = await counters();
  const reading = parseCpu(trusted<HypervisorName>("debian"), await sh(cpuScript("n0nce")), "n0nce");
  const [ownAfter = Number.NaN, allAfter = Number.NaN] = await counters();
  expect(reading.source).toBe("cgroup-v2");
  expect([...reading.containers.keys()]).toEqual([id]);
  const own = reading.containers.get(id)?.used ?? Number.NaN;
  expect(own).toBeGreaterThanOrEqual(ownBefore);
  expect(own).toBeLessThanOrEqual(ownAfter);
  expect(reading.used).toBeGreaterThanOrEqual(allBefore);
  expect(reading.used).toBeLessThanOrEqual(allAfter);
});

test("what a replica burns there shows as its load", async () => {
  const urls = Array.from({ length: 60 }, () => `http://${SERVICE}/burn?ms=2000`);
  const burning = lab.begin("client", ["curl", "-s", ...urls]);
  await eventually(
    "top shows it at work",
    async () => {
      const { stdout } = await lab.reconcile(fleet, "top", "replicas", "-o", "json", "-f");
      const { items } = JSON.parse(stdout) as {
        items: { name: string; hypervisor: string; load?: number }[];
      };
      return items.some(
        ({ name, hypervisor, load = 0 }) => name === "web-1" && hypervisor === "debian" && load > 0.5,
      );
    },
    120,
  );
  await burning.stop();
});

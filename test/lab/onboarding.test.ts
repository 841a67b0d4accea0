import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Exec, type Fleet, type Hv, HYPERVISORS, Lab, namespace, partOf, tally } from "./lab.ts";

jest.setTimeout(120_000);

const TENANTS = ["t1", "t2"] as const;

interface LinkJson {
  ifname: string;
  mtu: number;
  master?: string;
  linkinfo?: { info_kind?: string; info_data?: { id?: number; local?: string } };
}

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await Lab.up("onboarding");
  fleet = lab.fleet();
  for (const hv of HYPERVISORS) await lab.record(hv);
});
afterAll(() => lab.down());

const linksOf = async (hv: Hv, tenant: string): Promise<LinkJson[]> =>
  JSON.parse(await lab.inTenant(hv, tenant, "ip -j -d link")) as LinkJson[];

const ofKind = (links: readonly LinkJson[], kind: string): LinkJson[] =>
  links.filter(({ linkinfo }) => linkinfo?.info_kind === kind);

const url = (tenant: string): string => `http://${fleet.service(tenant)}/`;

const SPREAD = { "web-1": 4, "web-2": 4, "web-3": 4 };

/** What a pass asked of each hypervisor, by our own records, which must hold all that sshd saw. */
async function execsOf(pass: () => Promise<unknown>): Promise<Record<Hv, Exec[]>> {
  const result = { hv1: [] as Exec[], hv2: [] as Exec[] };
  for (const hv of HYPERVISORS) await lab.recorded(hv);
  const before = { hv1: lab.execs("hv1"), hv2: lab.execs("hv2") };
  await pass();
  for (const hv of HYPERVISORS) {
    result[hv] = await lab.recorded(hv);
    expect(result[hv]).toHaveLength(lab.execs(hv) - before[hv]);
  }
  return result;
}

/** Execs of a first apply, as the promise counts them: the check at the first contact and readiness probes apart. */
const counted = (execs: readonly Exec[]): number =>
  execs.filter((exec) => exec !== "contact" && exec !== "probe").length;

test("T1 onboarding", async () => {
  const execs = await execsOf(() => lab.converge(fleet));

  // A first apply costs few round trips.
  expect(counted(execs.hv1)).toBeLessThanOrEqual(5);
  expect(counted(execs.hv2)).toBeLessThanOrEqual(4);
  expect(execs.hv2).not.toContain("probe");

  const ids = new Map<string, Hv[]>();
  for (const hv of HYPERVISORS) {
    // A namespace for each tenant, and in it a bridge and a VXLAN for each subnet and for the management network.
    const namespaces = (await lab.sh(hv, "ip netns list")).split("\n").map((line) => line.split(" ")[0]);
    for (const tenant of TENANTS) {
      expect(namespaces).toContain(namespace(tenant));
      const subnets = tenant === "t2" ? ["batch", "web"] : ["web"];
      const links = await linksOf(hv, tenant);
      expect(
        ofKind(links, "bridge")
          .map(({ ifname }) => ifname)
          .toSorted(),
      ).toEqual([...subnets.map((name) => `br-${name}`), "mgmt"].toSorted());
      const vxlans = ofKind(links, "vxlan");
      expect(vxlans.map(({ master = "" }) => master).toSorted()).toEqual(
        ofKind(links, "bridge")
          .map(({ ifname }) => ifname)
          .toSorted(),
      );
      for (const { linkinfo, ifname } of vxlans) {
        expect(linkinfo?.info_data?.local).toBe(lab.hypervisor(hv).address);
        const key = `${linkinfo?.info_data?.id} ${tenant} ${ifname}`;
        ids.set(key, [...(ids.get(key) ?? []), hv]);
      }
    }
  }
  // The same id on both ends, and no id twice.
  expect([...ids.values()]).toEqual(Array.from({ length: 5 }, () => ["hv1", "hv2"]));
  expect(new Set([...ids.keys()].map((key) => key.split(" ")[0])).size).toBe(5);

  // Three replicas of each tenant, the last one where there was room, with one interface on each of two networks.
  for (const tenant of TENANTS) {
    const containers = await lab.containers(tenant);
    expect(containers.map(({ replica, hv, running }) => [replica, hv, running])).toEqual([
      ["web-1", "hv1", true],
      ["web-2", "hv1", true],
      ["web-3", "hv2", true],
    ]);
    for (const of of containers) {
      const inside = JSON.parse(await lab.inside(of, "ip -j -4 addr")) as {
        ifname: string;
        addr_info: { local: string; prefixlen: number }[];
      }[];
      expect(
        Object.fromEntries(inside.map((link) => [link.ifname, link.addr_info.map(({ local }) => local)])),
      ).toEqual({ lo: ["127.0.0.1"], eth0: [of.address], eth1: [of.managementAddress] });
      const ports = (await linksOf(of.hv, tenant)).filter(({ ifname }) => ifname.endsWith(of.incarnation));
      expect(ports.map(({ master = "" }) => master).toSorted()).toEqual(["br-web", "mgmt"]);
    }
  }
  // Both tenants have the same networks, so their replicas have the same addresses.
  const [first, second] = [await lab.containers("t1"), await lab.containers("t2")];
  expect(first.map(({ address }) => address)).toEqual(second.map(({ address }) => address));
});

test.each(TENANTS)(
  "requests to %s are spread over its replicas, which see the client's address",
  async (tenant) => {
    const answers = await lab.requests("client", url(tenant), 12);
    expect(tally(answers)).toEqual(SPREAD);
    expect(new Set(answers.map(({ greeting }) => greeting))).toEqual(new Set([`hello from ${tenant}`]));
    expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([lab.hosts.client]));

    const near = await lab.requests("neighbour", url(tenant), 3);
    expect(near.map(({ client }) => client)).toEqual([1, 2, 3].map(() => lab.hosts.neighbour));
  },
);

test.each(TENANTS)("UDP to %s is spread too", async (tenant) => {
  expect(tally(await lab.packets("client", fleet.service(tenant), 12))).toEqual(SPREAD);
});

test("a kept connection stays with its replica", async () => {
  const urls = Array.from({ length: 10 }, () => url("t1"));
  const { stdout } = await lab.try("client", ["curl", "-s", ...urls]);
  const answers = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { hostname: string; clientPort: string });
  expect(answers).toHaveLength(10);
  expect(new Set(answers.map(({ hostname, clientPort }) => `${hostname} ${clientPort}`)).size).toBe(1);
});

test.each(TENANTS)("replicas of %s reach their own service, themselves included", async (tenant) => {
  const gateway = "10.13.13.1";
  for (const of of await lab.containers(tenant)) {
    const curl = `curl -s -m 3 -H 'Connection: close' ${Array.from({ length: 12 }, () => url(tenant)).join(" ")}`;
    const answers = (await lab.inside(of, curl)).trim().split("\n");
    const parsed = answers.map((line) => JSON.parse(line) as { hostname: string; client: string });
    expect(tally(parsed)).toEqual(SPREAD);
    expect(new Set(parsed.map(({ client }) => client))).toEqual(new Set([gateway]));
  }
});

test("replicas reach each other on their subnet, across hypervisors, with the source unchanged", async () => {
  const replicas = await lab.containers("t1");
  for (const from of replicas)
    for (const to of replicas) {
      if (from === to) continue;
      const answer = await lab.inside(from, `curl -s -m 3 http://${to.address}:8080/`);
      expect(JSON.parse(answer)).toMatchObject({
        hostname: to.replica,
        client: from.address,
        greeting: "hello from t1",
      });
    }
});

test("the MTU is 1450 everywhere inside, and TCP is told so", async () => {
  for (const hv of HYPERVISORS)
    for (const tenant of TENANTS) {
      const wrong = (await linksOf(hv, tenant)).filter(({ ifname, mtu }) => {
        if (ifname === "lo") return false;
        return mtu !== (ifname === "up0" ? 1500 : 1450);
      });
      expect(wrong.map(({ ifname, mtu }) => [ifname, mtu])).toEqual([]);
    }
  const replicas = await lab.containers("t1");
  for (const of of replicas) {
    const inside = JSON.parse(await lab.inside(of, "ip -j link")) as LinkJson[];
    expect(inside.filter(({ ifname }) => ifname !== "lo").map(({ mtu }) => mtu)).toEqual([1450, 1450]);
  }

  const [near, , far] = replicas;
  if (!near || !far) throw new Error("three replicas were expected");
  const fits = "ping -c 1 -W 2 -M do -s 1422 ";
  expect((await lab.tryInside(near, fits + far.address)).code).toBe(0);
  const tooLong = await lab.tryInside(near, `ping -c 1 -W 1 -M do -s 1423 ${far.address}`);
  expect(tooLong.code).not.toBe(0);
  expect(tooLong.stderr + tooLong.stdout).toMatch(/mtu=1450/);

  const watch = [
    "nsenter",
    `--net=/run/netns/${namespace("t1")}`,
    "tcpdump",
    "-l",
    "-n",
    "-i",
    "br-web",
    "-c",
    "1",
  ];
  const dump = lab.begin("hv1", [...watch, "tcp[tcpflags] & tcp-syn != 0 and dst port 8080"]);
  await dump.says(/listening on/);
  await lab.requests("client", url("t1"), 1);
  expect(await dump.ended).toBe(0);
  expect(dump.stdout).toMatch(/mss 1410\b/);
});

test("a second --once does nothing: one look at each hypervisor, and all is as it was", async () => {
  const before = await lab.snapshots();
  const execs = await execsOf(() => lab.converge(fleet));
  expect(execs).toEqual({ hv1: ["look"], hv2: ["look"] });
  expect(await lab.snapshots()).toEqual(before);
});

test("with an empty ledger --once takes the fences, looks again, and does nothing either", async () => {
  const before = await lab.snapshots();
  fleet.forget();
  const execs = await execsOf(() => lab.converge(fleet));
  const taking = ["contact", "look", "change", "look"];
  expect(execs).toEqual({ hv1: taking, hv2: taking });
  expect(await lab.snapshots()).toEqual(before);

  expect(await execsOf(() => lab.converge(fleet))).toEqual({ hv1: ["look"], hv2: ["look"] });
  expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
});

test("six tenants cost no more round trips than two, neither at first nor when there is nothing to do", async () => {
  const before = await lab.snapshots();
  const six = sixTenants();
  const execs = await execsOf(() => lab.converge(six));
  expect(counted(execs.hv1)).toBeLessThanOrEqual(5);
  expect(counted(execs.hv2)).toBeLessThanOrEqual(4);
  expect(await execsOf(() => lab.converge(six))).toEqual({ hv1: ["look"], hv2: ["look"] });

  // They stand beside the first two, which are another fleet's.
  const after = await lab.snapshots();
  for (const tenant of TENANTS) expect(partOf(after, tenant)).toEqual(partOf(before, tenant));
  const answers = await lab.requests("client", "http://198.18.100.30/", 4);
  expect(tally(answers)).toEqual({ "web-1": 2, "web-2": 2 });
});

/** A fleet of its own on the same hypervisors: six tenants with two replicas each, one of them on hv2. */
function sixTenants(): Fleet {
  const six = lab.fleet("metro");
  six.remove("provider/t1.yaml", "provider/t2.yaml", "tenants");
  for (const hv of HYPERVISORS) six.edit(`provider/${hv}.yaml`, "fleet: campus", "fleet: metro");
  six.edit("provider/hv1.yaml", "cpu: 1400m", "replicas: 6");
  for (let n = 0; n < 6; n++) {
    const address = `198.18.100.${30 + 2 * n}`;
    six.write(
      `provider/m${n}.yaml`,
      `apiVersion: evenkeel.dev/v1alpha1
kind: Tenant
metadata: {name: m${n}}
spec: {primary: hv1, standby: [{name: hv2}], serviceAddresses: [${address}/31]}
`,
    );
    six.write(
      `tenants/m${n}/web.yaml`,
      `apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: web}
spec:
  cidr: 10.13.13.0/24
  replicas: {min: 2, max: 4}
  workload:
    image: evenkeel/web:1
    ports: [{name: http, containerPort: 8080}]
    resources: {cpu: 100m, memory: 64Mi}
  service: {address: ${address}, ports: [{port: 80, targetPort: http}]}
`,
    );
  }
  return six;
}

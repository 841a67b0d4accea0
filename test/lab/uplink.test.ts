import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join, relative } from "node:path";
import {
  type Container,
  eventually,
  type Fleet,
  type Host,
  type Hv,
  HYPERVISORS,
  Lab,
  namespace,
  type Ran,
  tally,
} from "./lab.ts";

jest.setTimeout(60_000);

const SPREAD = { "web-1": 4, "web-2": 4, "web-3": 4 };
const said = ({ stdout, stderr }: Ran): string => stdout + stderr;

const isServed = async (lab: Lab, host: Host, address: string): Promise<void> => {
  expect(tally(await lab.requests(host, `http://${address}/`, 12))).toEqual(SPREAD);
  expect(tally(await lab.packets(host, address, 12))).toEqual(SPREAD);
};

describe("an uplink on a bridge, on a home whose FORWARD accepts (t1) and one whose FORWARD drops (t2):", () => {
  const HOMES: [string, Hv][] = [
    ["t1", "hv1"],
    ["t2", "hv2"],
  ];
  let lab: Lab;
  let fleet: Fleet;

  beforeAll(async () => {
    lab = await Lab.up("uplink", { uplink: "bridge" });
    fleet = lab.fleet();
    fleet.edit("provider/t2.yaml", "primary: hv1", "primary: hv2");
    fleet.edit("provider/t2.yaml", "name: hv2}]", "name: hv1}]");
    // One more tenant beside each of them.
    for (const [tenant] of HOMES) {
      const name = `${tenant}-next`;
      const address = `198.18.100.4${tenant === "t1" ? 0 : 2}`;
      const provider = fleet.read(`provider/${tenant}.yaml`);
      const subnet = fleet.read(`tenants/${tenant}/web.yaml`);
      fleet.write(
        `provider/${name}.yaml`,
        provider
          .replace(`name: ${tenant}`, `name: ${name}`)
          .replace(/\[198\.18\.100\.\d+\/31\]/, `[${address}/31]`),
      );
      fleet.write(
        `tenants/${name}/web.yaml`,
        subnet
          .replace("min: 3", "min: 1")
          .replace(/resources: .*/, "resources: {cpu: 50m, memory: 64Mi}")
          .replace(/address: 198\.18\.100\.\d+/, `address: ${address}`),
      );
    }
    // Each home has room for two replicas of its own and one of the other's: hv1 lacks CPU, hv2 memory.
    fleet.edit("provider/hv1.yaml", "cpu: 1400m", "cpu: 1300m");
    fleet.edit(
      "provider/hv2.yaml",
      /\n {2}# For the day/,
      "\n  capacity: {memory: 384Mi}\n\n  # For the day",
    );
    fleet.edit("tenants/t2/web.yaml", "memory: 64Mi", "memory: 128Mi");
    await lab.converge(fleet);
  });
  afterAll(() => lab.down());

  const forward = async (hv: Hv): Promise<string> =>
    (await lab.sh(hv, "iptables -S FORWARD")).split("\n")[0] ?? "";

  /** The hypervisor's end of a tenant's uplink: the other end of `up0`. */
  async function portOf(hv: Hv, tenant: string): Promise<string> {
    const [up0] = JSON.parse(await lab.inTenant(hv, tenant, "ip -j link show up0")) as {
      link_index: number;
    }[];
    const links = JSON.parse(await lab.sh(hv, "ip -j link show master edge")) as {
      ifindex: number;
      ifname: string;
    }[];
    return links.find(({ ifindex }) => ifindex === up0?.link_index)?.ifname ?? "";
  }

  test("the hypervisors differ as they should", async () => {
    expect(await forward("hv1")).toBe("-P FORWARD ACCEPT");
    expect(await forward("hv2")).toBe("-P FORWARD DROP");
    for (const hv of HYPERVISORS) await lab.sh(hv, "grep -qx 1 /proc/sys/net/bridge/bridge-nf-call-iptables");
  });

  test.each(HOMES)(
    "%s's service is reached from client, neighbour and hypervisor (home %s)",
    async (tenant, hv) => {
      expect(await lab.inTenant(hv, tenant, "ip -d link show up0")).toContain("veth");
      const there = new Set((await lab.containers(tenant, "web")).map((one) => one.hv));
      expect(there.size).toBe(2);
      for (const host of ["client", "neighbour", hv] as Host[])
        await isServed(lab, host, fleet.service(tenant));
      const answers = await lab.requests("client", `http://${fleet.service(tenant)}/`, 3);
      expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([lab.hosts.client]));
    },
  );

  test.each(HOMES)(
    "%s and its neighbour on the same bridge cannot reach each other (home %s)",
    async (tenant, hv) => {
      const pair: [string, string][] = [
        [tenant, `${tenant}-next`],
        [`${tenant}-next`, tenant],
      ];
      for (const [from, to] of pair) {
        const url = `http://${fleet.service(to)}/`;
        expect(tally(await lab.requests("neighbour", url, 1))).toEqual({ "web-1": 1 });
        const probe = ["nsenter", `--net=/run/netns/${namespace(from)}`, "curl", "-s", "-m", "1", url];
        expect((await lab.try(hv, probe)).code).not.toBe(0);
      }
    },
  );

  test.each(HOMES)(
    "what is for %s is not shown to other ports of the bridge (home %s)",
    async (tenant, hv) => {
      const watch = ["tcpdump", "-l", "-n", "-i", await portOf(hv, `${tenant}-next`)];
      const capture = lab.begin(hv, [...watch, "tcp port 80"]);
      await capture.says(/listening on/);
      await lab.requests("client", `http://${fleet.service(tenant)}/`, 3);
      await lab.requests("client", `http://${fleet.service(`${tenant}-next`)}/`, 1);
      await capture.says(new RegExp(fleet.service(`${tenant}-next`)));
      expect((await capture.stop()).stdout).not.toContain(`${fleet.service(tenant)}.`);
    },
  );

  describe("drift of the port is mended:", () => {
    const DAMAGE: [string, (port: string) => string][] = [
      ["out of the bridge", (port) => `ip link set ${port} nomaster`],
      ["down", (port) => `ip link set ${port} down`],
      [
        "no longer isolated",
        (port) => `ip link set ${port} type bridge_slave isolated off learning on flood on`,
      ],
      [
        "its entry",
        (port) =>
          `bridge fdb show dev ${port} | awk '/static/ {print $1}' | while read -r m; do bridge fdb del $m dev ${port} master; done`,
      ],
    ];
    const CASES = HOMES.flatMap(([tenant, hv]) =>
      DAMAGE.map(([what, how]) => [what, tenant, hv, how] as const),
    );
    test.each(CASES)("%s (%s on %s)", async (_what, tenant, hv, damage) => {
      const before = await lab.snapshots();
      await lab.sh(hv, damage(await portOf(hv, tenant)));
      expect(await lab.snapshots()).not.toEqual(before);
      await lab.converge(fleet);
      expect(await lab.snapshots()).toEqual(before);
      await isServed(lab, "client", fleet.service(tenant));
    });

    test("what lets bridged packets through, where FORWARD drops", async () => {
      const before = await lab.snapshots();
      const flush =
        "for c in $(iptables -S | awk '/^-N EVENKEEL/ {print $2}'); do iptables -D FORWARD -j $c; iptables -F $c; done";
      await lab.sh("hv2", flush);
      expect(tally(await lab.requests("client", `http://${fleet.service("t2")}/`, 1, 1))).toEqual({
        none: 1,
      });
      await lab.converge(fleet);
      const after = await lab.snapshots();
      const sorted = (text = ""): string[] => text.split("\n").toSorted();
      expect(sorted(after.hv2["own tables"])).toEqual(sorted(before.hv2["own tables"]));
      await isServed(lab, "client", fleet.service("t2"));
    });

    test.each(HOMES)("the pair gone (%s on %s)", async (tenant, hv) => {
      const ids = (await lab.containers()).map(({ id, started }) => [id, started]);
      await lab.sh(hv, `ip link del ${await portOf(hv, tenant)}`);
      await lab.converge(fleet);
      await isServed(lab, "client", fleet.service(tenant));
      expect((await lab.containers()).map(({ id, started }) => [id, started])).toEqual(ids);
    });
  });

  test("the port's name taken by something foreign: named with it, exit 3; nothing foreign is touched", async () => {
    const port = await portOf("hv1", "t1");
    await lab.sh("hv1", `ip link del ${port}; ip link add ${port} type bridge`);
    const ran = await lab.once(fleet);
    expect([ran.code, said(ran)]).toEqual([3, expect.stringContaining(port)]);
    expect(await lab.sh("hv1", `ip -d link show ${port}`)).toMatch(/bridge/);
    await lab.sh("hv1", `ip link del ${port}`);
    await lab.converge(fleet);
    await isServed(lab, "client", fleet.service("t1"));
  });
});

describe("connection: local, run on the hypervisor itself:", () => {
  let lab: Lab;
  let fleet: Fleet;
  let cli: string;

  beforeAll(async () => {
    lab = await Lab.up("local");
    fleet = lab.fleet();
    const ssh = /connection:\n(?: {4}.*\n)+/;
    fleet.edit("provider/hv1.yaml", ssh, "connection: {local: {}}\n");
    cli = carry();
    await converge();
  });
  afterAll(() => lab.down());

  /** Copies the program and its packages to where they are seen in a hypervisor too, wherever the checkout lies. */
  function carry(): string {
    const to = join(lab.folder, "cli");
    const list = ["ls", "--omit=dev", "--all", "--parseable"];
    const packages = execFileSync("npm", list, { encoding: "utf8" }).trim().split("\n").slice(1);
    for (const folder of packages)
      cpSync(folder, join(to, relative(process.cwd(), folder)), { recursive: true });
    cpSync(lab.build, join(to, "dist"), { recursive: true });
    return join(to, "dist", "reconcile.js");
  }

  async function converge(): Promise<Ran> {
    const [, , ...rest] = lab.command(fleet, "--once", "--timeout", "60s");
    const ran = await lab.try("hv1", ["node", cli, ...rest]);
    expect([ran.code, said(ran)]).toEqual([0, expect.anything()]);
    return ran;
  }

  test("nothing came over SSH but what was for hv2", () => {
    expect(lab.execs("hv1")).toBe(0);
    expect(lab.execs("hv2")).toBeGreaterThan(0);
  });

  test.each(["t1", "t2"])(
    "%s's service is reached from the hypervisor itself, and from outside",
    async (tenant) => {
      for (const host of ["hv1", "client", "neighbour"] as Host[])
        await isServed(lab, host, fleet.service(tenant));
      const answers = await lab.requests("hv1", `http://${fleet.service(tenant)}/`, 3);
      expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([lab.hypervisor("hv1").address]));
    },
  );

  test("replicas and gateways do not reach the hypervisor", async () => {
    const { address, edge } = lab.hypervisor("hv1");
    const open = `require("http").createServer((q, r) => r.end("here")).listen(9999, () => console.log("on"))`;
    const server = lab.begin("hv1", ["node", "-e", open]);
    await server.says(/on/);
    const get = (to: string): string => `curl -s -m 1 http://${to}:9999/ || :`;
    expect(await lab.sh("hv2", get(address))).toBe("here");
    const replicas: Container[] = await lab.containers();
    const asked = replicas.flatMap((of) => [address, edge].map((to) => lab.inside(of, get(to))));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([""]));
    for (const tenant of ["t1", "t2"]) expect(await lab.inTenant("hv1", tenant, get(address))).toBe("");
    await server.stop();
  });

  test("a second run does nothing", async () => {
    const before = await lab.snapshots();
    await converge();
    expect(await lab.snapshots()).toEqual(before);
  });

  describe("drift of the way is mended:", () => {
    const route = (): string => fleet.service("t1");
    let outside: string;
    beforeEach(async () => {
      outside = / dev (\S+)/.exec(await lab.sh("hv1", `ip route show ${route()}`))?.[1] ?? "";
      expect(outside).not.toBe("");
    });
    test.each([
      ["the pair gone", () => lab.sh("hv1", `ip link del ${outside}`)],
      ["the hypervisor's end down", () => lab.sh("hv1", `ip link set ${outside} down`)],
      ["the gateway's end down", () => lab.inTenant("hv1", "t1", "ip link set loc0 down")],
      ["the hypervisor's route", () => lab.sh("hv1", `ip route del ${route()}`)],
      [
        "the gateway's route",
        () => lab.inTenant("hv1", "t1", `ip route del ${lab.hypervisor("hv1").address}`),
      ],
      ["the hypervisor's neighbour", () => lab.sh("hv1", `ip neigh del ${route()} dev ${outside}`)],
    ])("%s", async (_what, damage) => {
      await damage();
      expect((await lab.requests("hv1", `http://${route()}/`, 1, 1))[0]?.status).not.toBe(200);
      await converge();
      await isServed(lab, "hv1", route());
    });
  });

  test("with its tenant go the pair and the hypervisor's route", async () => {
    const address = fleet.service("t2");
    fleet.remove("provider/t2.yaml", "tenants/t2");
    await converge();
    expect((await lab.sh("hv1", `ip route show ${address}`)).trim()).toBe("");
    const pairs = await lab.sh("hv1", "ip -o link | grep -c ' ekl' || :");
    expect(pairs.trim()).toBe("1");
    await eventually(
      "t1 is served",
      async () => (await lab.requests("hv1", `http://${fleet.service("t1")}/`, 1))[0]?.status === 200,
    );
  });
});

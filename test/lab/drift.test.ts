import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import {
  type Container,
  eventually,
  type Fleet,
  type Hv,
  HYPERVISORS,
  Lab,
  namespace,
  tally,
} from "./lab.ts";

jest.setTimeout(60_000);

let lab: Lab;
let fleet: Fleet;
/** Everything that stands, before something is done to it by hand; and as it was when it had been mended. */
let before: Record<string, string>;
let last: Record<string, string> | undefined;

beforeAll(async () => {
  lab = await Lab.up("drift");
  fleet = lab.fleet();
  await lab.converge(fleet);
});
beforeEach(async () => {
  before = last ?? (await all());
  last = undefined;
});
afterAll(() => lab.down());

const SPREAD = { "web-1": 2, "web-2": 2, "web-3": 2 };

const all = async (): Promise<Record<string, string>> => {
  const snapshots = await lab.snapshots();
  return Object.fromEntries(
    HYPERVISORS.flatMap((hv) =>
      Object.entries(snapshots[hv]).map(([topic, text]) => [`${hv} ${topic}`, text]),
    ),
  );
};

async function isServed(): Promise<void> {
  for (const tenant of ["t1", "t2"]) {
    const answers = await lab.requests("client", `http://${fleet.service(tenant)}/`, 6);
    expect([tenant, tally(answers)]).toEqual([tenant, SPREAD]);
    expect([tenant, tally(await lab.packets("client", fleet.service(tenant), 6))]).toEqual([tenant, SPREAD]);
  }
}

/** `--once` mends it, all is served, and a second run looks and does nothing. */
async function mends(): Promise<Record<string, string>> {
  await lab.converge(fleet);
  await isServed();
  last = await all();
  await isQuiet();
  return last;
}

async function isQuiet(): Promise<void> {
  const execs = HYPERVISORS.map((hv) => lab.execs(hv));
  await lab.converge(fleet);
  expect(HYPERVISORS.map((hv, index) => lab.execs(hv) - (execs[index] ?? 0))).toEqual([1, 1]);
}

/** Ids, start times and link indices of all that a mended thing does not take along must be what they were. */
function expectUntouched(after: Record<string, string>, but: readonly RegExp[]): void {
  const others = (snapshot: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(snapshot).filter(([topic]) => !but.some((what) => what.test(topic))));
  expect(others(after)).toEqual(others(before));
}

const replica = async (name: string, tenant = "t1"): Promise<Container> => {
  const found = (await lab.containers(tenant)).find((one) => one.replica === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
};

describe("changed in place by hand, and back to exactly what it was:", () => {
  const w = async (name: string): Promise<string> => `w${(await replica(name)).incarnation}`;
  type Damage = (hv: Hv, tenant: string) => Promise<unknown>;
  const inside =
    (script: string): Damage =>
    (hv, tenant) =>
      lab.inTenant(hv, tenant, script);
  const CASES: [string, Hv, Damage][] = [
    ["a bridge down", "hv1", inside("ip link set br-web down")],
    ["a bridge down on the standby", "hv2", inside("ip link set br-web down")],
    ["the management bridge down", "hv1", inside("ip link set mgmt down")],
    ["the uplink down", "hv1", inside("ip link set up0 down")],
    ["the uplink's MTU", "hv1", inside("ip link set up0 mtu 1400")],
    ["a bridge's MTU", "hv2", inside("ip link set br-web mtu 1300")],
    ["the VXLAN out of its bridge", "hv2", inside("ip link set vx-web nomaster")],
    ["the VXLAN down", "hv1", inside("ip link set vx-web down")],
    [
      "a forwarding entry",
      "hv1",
      inside(
        "bridge fdb show dev vx-web | awk '/dst/ {print $1}' | while read -r m; do bridge fdb del $m dev vx-web self; done",
      ),
    ],
    [
      "where broadcasts go",
      "hv2",
      inside("bridge fdb del 00:00:00:00:00:00 dev vx-web dst 198.18.0.11 self"),
    ],
    ["the neighbours", "hv2", inside("ip neigh flush dev br-web nud permanent")],
    ["the default route", "hv1", inside("ip route del default")],
    ["the route to a subnet", "hv1", inside("ip route del 10.13.13.0/24")],
    ["the route to the management network", "hv1", inside("ip route del 192.168.252.0/24")],
    ["the route to the uplink's network", "hv1", inside("ip route del 198.18.100.0/24")],
    ["the uplink enslaved", "hv1", inside("ip link set up0 master br-web")],
    ["a bridge's group", "hv1", inside("ip link set br-web group default")],
    ["the VXLAN's group", "hv2", inside("ip link set vx-web group 7")],
    ["the uplink's group", "hv1", inside("ip link set up0 group default")],
    [
      "a port's group",
      "hv1",
      async () => lab.inTenant("hv1", "t1", `ip link set ${await w("web-1")} group default`),
    ],
    ["the gateway's address", "hv1", inside("ip addr del 10.13.13.1/24 dev br-web")],
    ["another address on the gateway", "hv1", inside("ip addr add 10.13.13.77/24 dev br-web")],
    ["the service's address", "hv1", inside("ip addr flush dev up0")],
    ["an alias", "hv1", inside("ip link set br-web alias nobody")],
    ["forwarding off", "hv1", inside("echo 0 > /proc/sys/net/ipv4/ip_forward")],
    ["forwarding on, on the standby", "hv2", inside("echo 1 > /proc/sys/net/ipv4/ip_forward")],
    [
      "IPv6 on",
      "hv1",
      inside(
        "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
      ),
    ],
    [
      "bridged frames through iptables",
      "hv1",
      inside("echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables"),
    ],
    ["the filter flushed", "hv1", inside("iptables -F; iptables -P FORWARD ACCEPT")],
    ["the IPv6 filter open", "hv2", inside("ip6tables -P INPUT ACCEPT")],
    ["a filter rule of somebody's", "hv1", inside("iptables -I FORWARD -j ACCEPT")],
    ["a mangle rule gone", "hv1", inside("iptables -t mangle -F")],
    ["a mangle rule on the standby", "hv2", inside("iptables -t mangle -A FORWARD -j DROP")],
    [
      "rules in tables where none belong",
      "hv1",
      inside("iptables -t raw -A PREROUTING -j NOTRACK; iptables -t security -A OUTPUT -j DROP"),
    ],
    [
      "rules in IPv6 tables where none belong",
      "hv1",
      inside("for t in raw mangle nat security; do ip6tables -t $t -A OUTPUT -j ACCEPT; done"),
    ],
    ["a rule in the bridges' filter", "hv2", inside("ebtables-nft -A FORWARD -p IPv4 -j DROP")],
    ["nat flushed", "hv1", inside("iptables -t nat -F")],
    [
      "a nat rule of somebody's",
      "hv1",
      inside("iptables -t nat -I PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.13.13.250:8080"),
    ],
    ["the ports' rules flushed", "hv1", inside("ebtables-nft -t nat -F")],
    [
      "a port's rules flushed",
      "hv2",
      async () => lab.inTenant("hv2", "t1", `ebtables-nft -t nat -F ${await w("web-3")}`),
    ],
    [
      "a port out of its bridge",
      "hv1",
      async () => lab.inTenant("hv1", "t1", `ip link set ${await w("web-1")} nomaster`),
    ],
    [
      "a port unlocked",
      "hv1",
      async () =>
        lab.inTenant("hv1", "t1", `ip link set ${await w("web-1")} type bridge_slave locked off learning on`),
    ],
    ["a port down", "hv2", async () => lab.inTenant("hv2", "t1", `ip link set ${await w("web-3")} down`)],
    [
      "a port's entry",
      "hv1",
      async () =>
        lab.inTenant(
          "hv1",
          "t1",
          `bridge fdb show dev ${await w("web-2")} | awk '/static/ {print $1}' | while read -r m; do bridge fdb del $m dev ${await w("web-2")} master; done`,
        ),
    ],
    [
      "a replica's address",
      "hv1",
      async () =>
        lab.inside(await replica("web-1"), "ip addr flush dev eth0; ip addr add 10.13.13.99/24 dev eth0"),
    ],
    [
      "a replica's default route",
      "hv2",
      async () => lab.inside(await replica("web-3"), "ip route del default"),
    ],
    ["a replica's MTU", "hv2", async () => lab.inside(await replica("web-3"), "ip link set eth0 mtu 1500")],
    [
      "a replica's interface down",
      "hv1",
      async () => lab.inside(await replica("web-2"), "ip link set eth0 down"),
    ],
    [
      "the guard's rules flushed",
      "hv1",
      (hv) =>
        lab.sh(hv, "for c in $(iptables -S | awk '/^-N EVENKEEL/ {print $2}'); do iptables -F $c; done"),
    ],
    [
      "the jump to the guard",
      "hv2",
      (hv) =>
        lab.sh(
          hv,
          "iptables -S INPUT | sed -n 's/^-A \\(INPUT.*EVENKEEL\\)/-D \\1/p' | while read -r r; do iptables $r; done",
        ),
    ],
    [
      "the guard gone",
      "hv2",
      (hv) =>
        lab.sh(
          hv,
          "c=$(iptables -S | awk '/^-N EVENKEEL/ {print $2}'); iptables -D INPUT -j $c; iptables -F $c; iptables -X $c",
        ),
    ],
  ];
  test.each(CASES)("%s (%s)", async (_what, hv, damage) => {
    await damage(hv, "t1");
    expect(await all()).not.toEqual(before);
    expect(await mends()).toEqual(before);
  });
});

describe("made anew, and nothing else with it:", () => {
  const inside = (hv: Hv, script: string) => () => lab.inTenant(hv, "t1", script);
  const network = (hv: Hv): RegExp => new RegExp(`^${hv} ${namespace("t1")} `);
  const container = (name: string): RegExp => new RegExp(`container ${namespace("t1")}\\.${name}\\.`);
  const CASES: [string, () => Promise<unknown>, RegExp[]][] = [
    ["a bridge of the gateway", inside("hv1", "ip link del br-web"), [network("hv1")]],
    ["a bridge of the standby", inside("hv2", "ip link del br-web"), [network("hv2")]],
    ["the management bridge", inside("hv1", "ip link del mgmt"), [network("hv1")]],
    ["a VXLAN", inside("hv1", "ip link del vx-web"), [network("hv1")]],
    ["the standby's VXLAN", inside("hv2", "ip link del vx-web"), [network("hv2")]],
    ["the uplink", inside("hv1", "ip link del up0"), [network("hv1")]],
    [
      "a VXLAN that hangs on another device",
      async () => {
        const id = await lab.inTenant(
          "hv1",
          "t1",
          "ip -d link show vx-web | sed -n 's/.*vxlan id \\([0-9]*\\).*/\\1/p'",
        );
        const vxlan = `vxlan id ${id.trim()} local 198.18.0.11 dstport 4789 nolearning dev edge`;
        await again("vx-web", `netns ${namespace("t1")} type ${vxlan}`);
      },
      [network("hv1")],
    ],
    [
      "an uplink that hangs on another NIC",
      () => again("up0", `link eth0 netns ${namespace("t1")} type macvlan mode private`),
      [network("hv1")],
    ],
    [
      "a port",
      async () => lab.inTenant("hv1", "t1", `ip link del w${(await replica("web-1")).incarnation}`),
      [network("hv1"), container("web-1")],
    ],
    [
      "a management port",
      async () => lab.inTenant("hv2", "t1", `ip link del m${(await replica("web-3")).incarnation}`),
      [network("hv2"), container("web-3")],
    ],
    [
      "a container that was restarted",
      async () => docker("restart -t 1", "web-1"),
      [network("hv1"), container("web-1")],
    ],
    [
      "a container that was stopped",
      async () => docker("stop -t 1", "web-3"),
      [network("hv2"), container("web-3")],
    ],
    [
      "a container that was paused",
      async () => {
        const { hv, id } = await replica("web-1");
        await lab.sh(hv, `docker pause ${id}`);
      },
      [],
    ],
    [
      "a container that was killed",
      async () => docker("kill", "web-2"),
      [network("hv1"), container("web-2")],
    ],
  ];

  /** A link of the gateway's, made another way. */
  async function again(name: string, how: string): Promise<void> {
    await lab.inTenant("hv1", "t1", `ip link del ${name}`);
    await lab.sh("hv1", `ip link add name ${name} ${how}`);
  }

  async function docker(verb: string, name: string): Promise<void> {
    const { hv, id, incarnation } = await replica(name);
    await lab.sh(hv, `docker ${verb} ${id}`);
    // Its links go with it, a moment later.
    const gone = ["ip", "-n", namespace("t1"), "link", "show", `w${incarnation}`];
    await eventually("its port is gone", async () => (await lab.try(hv, gone)).code !== 0);
  }

  test.each(CASES)("%s", async (_what, damage, touched) => {
    const ids = (await lab.containers()).map(({ id }) => id);
    await damage();
    expect(await all()).not.toEqual(before);
    expectUntouched(await mends(), touched);
    expect((await lab.containers()).map(({ id }) => id)).toEqual(ids);
  });
});

describe("a replica's container that was removed", () => {
  test("is replaced by a fresh one; the others are untouched", async () => {
    const old = await replica("web-2");
    const others = (await lab.containers()).filter(({ id }) => id !== old.id);
    await lab.sh("hv1", `docker rm -f ${old.id}`);
    await mends();
    const fresh = await replica("web-2");
    expect(fresh.name).not.toBe(old.name);
    expect(fresh.address).not.toBe(old.address);
    expect((await lab.containers()).filter(({ id }) => id !== fresh.id)).toEqual(others);
  });
});

describe("a namespace deleted under running containers", () => {
  test.each(HYPERVISORS)("is built again on %s, with the same containers", async (hv) => {
    const ids = (await lab.containers()).map(({ id, started }) => [id, started]);
    await lab.sh(hv, `ip netns del ${namespace("t1")}`);
    const after = await mends();
    expect((await lab.containers()).map(({ id, started }) => [id, started])).toEqual(ids);
    expectUntouched(after, [new RegExp(`^${hv} (${namespace("t1")} |container ${namespace("t1")}\\.)`)]);
  });
});

describe("a manifest that names a device which the hypervisor does not have", () => {
  test.each(["underlay", "uplink"])("costs nothing that stands, and says so (%s)", async (what) => {
    const device = what === "underlay" ? "eth0" : "edge";
    fleet.edit("provider/hv1.yaml", `device: ${device}`, "device: eth7");
    const { code, stdout, stderr } = await lab.once(fleet);
    expect(stdout + stderr).toMatch(/hv1 has no device eth7, on which (vx-web|up0) is to hang/);
    expect(code).toBe(3);
    await isServed();
    expect(await all()).toEqual(before);
    fleet.edit("provider/hv1.yaml", "device: eth7", `device: ${device}`);
    expect(await mends()).toEqual(before);
  });
});

describe("an empty file where a tenant's namespace should be", () => {
  const file = `/run/netns/${namespace("t1")}`;
  test("is what a cut off `ip netns add` left, and gives way to the namespace", async () => {
    await lab.sh("hv2", `ip netns del ${namespace("t1")}; : > ${file}`);
    const after = await mends();
    expect(await lab.sh("hv2", `stat -f -c %T ${file}`)).toBe("nsfs\n");
    expectUntouched(after, [new RegExp(`^hv2 (${namespace("t1")} |container ${namespace("t1")}\\.)`)]);
  });

  test("is somebody's when there is something in it, and stays", async () => {
    await lab.sh("hv2", `ip netns del ${namespace("t1")}; echo mine > ${file}`);
    expect((await lab.once(fleet)).code).not.toBe(0);
    expect(await lab.sh("hv2", `cat ${file}`)).toBe("mine\n");
    await lab.sh("hv2", `rm ${file}`);
    await mends();
  });
});

describe("dockerd killed and started again", () => {
  test.each(HYPERVISORS)("on %s changes nothing, and nobody notices", async (hv) => {
    await lab.endDocker(hv, "KILL");
    await isServed();
    await lab.hack("up");
    await isQuiet();
    // Docker puts the rules of its own network in another order.
    expectUntouched(await all(), [new RegExp(`^${hv} own tables$`)]);
    expect(await lab.sh(hv, "iptables-save")).toMatch(/-A INPUT -j EVENKEEL/);
  });
});

describe("a power cut", () => {
  test.each(HYPERVISORS)("of %s: it is built again, and the other hypervisor is as it was", async (hv) => {
    const ids = (await lab.containers()).map(({ id }) => id);
    await lab.hack("reboot", hv);
    const after = await mends();
    expect((await lab.containers()).map(({ id, running }) => [id, running])).toEqual(
      ids.map((id) => [id, true]),
    );
    expectUntouched(after, [new RegExp(`^${hv} `)]);
  });
});

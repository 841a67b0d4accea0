import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Container, eventually, type Fleet, type Hv, HYPERVISORS, Lab, namespace } from "./lab.ts";

jest.setTimeout(120_000);

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await Lab.up("resolver");
  fleet = lab.fleet();
  fleet.edit("tenants/t2/web.yaml", "gracePeriodSeconds: 30", "gracePeriodSeconds: 5");
  await lab.converge(fleet);
  fleet.edit("tenants/t2/batch.yaml", "{min: 0, max: 2}", "{min: 2, max: 3}");
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const replica = async (name: string, tenant = "t2"): Promise<Container> => {
  const found = (await lab.containers(tenant)).find((one) => one.replica === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
};

/** One replica of the tenant's subnet at home, and one on the standby. */
async function onBoth(): Promise<readonly Container[]> {
  const all = await lab.containers("t2", "web");
  const both = HYPERVISORS.flatMap((hv) => all.find((one) => one.hv === hv) ?? []);
  expect(both).toHaveLength(2);
  return both;
}

const onStandby = async (): Promise<Container> => (await onBoth())[1] as Container;

/** What a replica's own resolver answers, as its own resolv.conf says whom to ask; sorted. */
async function ask({ hv, id }: Container, ...question: string[]): Promise<string[]> {
  const { stdout } = await lab.try(hv, ["docker", "exec", id, "timeout", "4", "nslookup", ...question]);
  const found = stdout.match(/^Address: \S+$|name = \S+$|NXDOMAIN$|REFUSED$/gm) ?? ["nothing"];
  return [...new Set(found.map((line) => line.replace(/^Address: |^name = /, "")))].toSorted();
}

/** The same without what the shorter of two search domains does not know. */
const found = async (...question: Parameters<typeof ask>): Promise<string[]> =>
  (await ask(...question)).filter((one) => one !== "NXDOMAIN");

/** The processes in a tenant's namespace, by the kernel's word: `dnsmasq 1234`. */
const processes = async (hv: Hv, tenant = "t2"): Promise<string[]> =>
  (
    await lab.sh(
      hv,
      `for p in $(ip netns pids ${namespace(tenant)}); do echo "$(cat /proc/$p/comm) $p"; done`,
    )
  )
    .split("\n")
    .filter(Boolean);

const pid = async (hv: Hv = "hv1", tenant = "t2"): Promise<number> => {
  const [only = "", ...more] = await processes(hv, tenant);
  expect([only, ...more]).toEqual([expect.stringMatching(/^dnsmasq \d+$/)]);
  return Number(only.split(" ")[1]);
};

/** A DHCP client that keeps nothing of what it is given, and prints it. */
const CLIENT = `#!/bin/sh
[ "$1" != bound ] || echo "$ip $router $dns $mtu $hostname $domain [$search]"`;

/** What somebody is given who asks for an address at `eth0` of a namespace; nothing where there is no answer. */
async function lease(hv: Hv, enter: string, device = "eth0"): Promise<string> {
  await lab.try(hv, ["sh", "-c", "cat > /run/client; chmod +x /run/client"], CLIENT);
  const options = "-n -q -f -t 3 -T 1 -A 1 -O mtu -O search -O hostname -s /run/client";
  const { stdout } = await lab.try(hv, [
    "sh",
    "-c",
    `nsenter ${enter} busybox udhcpc -i ${device} ${options} 2>/dev/null`,
  ]);
  return stdout.trim();
}

describe("names", () => {
  test("lead every replica, at home and on the standby, to the others of its tenant", async () => {
    for (const from of await onBoth()) {
      for (const to of await lab.containers("t2")) {
        const name = `${to.replica}.${to.subnet}.t2.internal`;
        expect([name, await ask(from, name)]).toEqual([name, [to.address]]);
        const reverse = `${to.address.split(".").toReversed().join(".")}.in-addr.arpa`;
        expect(await ask(from, "-type=ptr", reverse)).toEqual([name]);
      }
      // A service's address, or without a service all that serve; short names are looked for in the subnet, then the tenant.
      expect(await ask(from, "web.t2.internal")).toEqual(["198.18.100.10"]);
      expect(await found(from, "web")).toEqual(["198.18.100.10"]);
      expect(await found(from, "web-2")).toEqual([(await replica("web-2")).address]);
      const batch = (await lab.containers("t2", "batch")).map(({ address }) => address);
      expect(batch).toHaveLength(2);
      expect(await ask(from, "batch.t2.internal")).toEqual(batch.toSorted());
    }
  });

  test("that nobody has, another tenant's, and those outside are unknown at once", async () => {
    const names = ["web-9.web.t2.internal", "web.t1.internal", "web-1.web.t1.internal", "example.com"];
    for (const from of await onBoth())
      for (const name of names) expect([name, await ask(from, name)]).toEqual([name, ["NXDOMAIN"]]);
    // Both tenants have the same addresses.
    const [one, other] = [await replica("web-1", "t1"), await replica("web-1", "t2")];
    expect(one.address).toBe(other.address);
    expect(await ask(one, "web.t1.internal")).toEqual(["198.18.100.12"]);
  });

  test("are answered at the subnet's own gateway, and nowhere else", async () => {
    const one = await replica("web-1");
    expect(await ask(one, "web.t2.internal", "10.13.13.1")).toEqual(["198.18.100.10"]);
    for (const address of ["10.13.14.1", "192.168.252.1"])
      expect([address, await ask(one, "web.t2.internal", address)]).toEqual([address, ["nothing"]]);
    // Nothing listens on the uplink, and what is sent there by hand is dropped.
    const sockets = await lab.inTenant("hv1", "t2", "ss -Hlntu | awk '{print $1, $5}' | sort");
    expect(sockets.trim().split("\n")).toEqual([
      "tcp 10.13.13.1:53",
      "tcp 10.13.14.1:53",
      "udp 0.0.0.0:67",
      "udp 10.13.13.1:53",
      "udp 10.13.14.1:53",
    ]);
    expect((await lab.try("client", ["nc", "-w", "2", "198.18.100.10", "53"])).code).not.toBe(0);
  });
});

describe("addresses", () => {
  test("are given to whom they belong, with all that goes with them, at home and on the standby", async () => {
    for (const { hv, pid: of, address, replica: name } of await onBoth())
      expect(await lease(hv, `-t ${of} -n`)).toBe(
        `${address} 10.13.13.1 10.13.13.1 1450 ${name} web.t2.internal [web.t2.internal t2.internal]`,
      );
  });

  test("are not given to a stranger on the segment, who gets one as soon as he is known", async () => {
    await lab.sh(
      "hv1",
      `ip netns add stranger; ip -n stranger link add eth0 type veth peer name x0 netns ${namespace("t2")}
      ip -n ${namespace("t2")} link set x0 master br-web up; ip -n stranger link set eth0 up`,
    );
    expect(await lease("hv1", "--net=/run/netns/stranger")).toBe("");
    const { address } = await replica("web-2");
    const mac = `02:01:${address
      .split(".")
      .map((octet) => Number(octet).toString(16).padStart(2, "0"))
      .join(":")}`;
    await lab.sh("hv1", `ip -n stranger link set eth0 address ${mac}`);
    expect(await lease("hv1", "--net=/run/netns/stranger")).toMatch(`${address} 10.13.13.1`);
    await lab.sh("hv1", `ip -n ${namespace("t2")} link del x0; ip netns del stranger`);
  });

  test("are not given where the subnet has none", async () => {
    const { hv, pid: of } = (await lab.containers("t2", "batch"))[0] as Container;
    expect(await lease(hv, `-t ${of} -n`)).not.toBe("");
    fleet.edit("tenants/t2/batch.yaml", "  replicas:", "  dhcp: false\n  replicas:");
    await lab.converge(fleet);
    expect(await lease(hv, `-t ${of} -n`)).toBe("");
    fleet.edit("tenants/t2/batch.yaml", "  dhcp: false\n", "");
    await lab.converge(fleet);
  });
});

describe("a resolver", () => {
  test("is told, and not started again, when a replica comes; one that drains has no name any more", async () => {
    const before = await pid();
    const [one, ids] = [await replica("web-1"), (await lab.containers()).map(({ id }) => id)];
    expect(await ask(one, "web-4.web.t2.internal")).toEqual(["NXDOMAIN"]);
    fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
    fleet.edit("tenants/t2/batch.yaml", "min: 2", "min: 3");
    await lab.converge(fleet);
    const { address } = await replica("web-4");
    expect(await ask(one, "web-4.web.t2.internal")).toEqual([address]);
    expect(await ask(one, "batch.t2.internal")).toHaveLength(3);
    expect(await pid()).toBe(before);
    expect((await lab.containers()).map(({ id }) => id)).toEqual(expect.arrayContaining(ids));

    // Somebody is still served by each of the four.
    const slow = lab.begin("client", ["sh", "-c", SLOW]);
    await eventually("each has somebody", async () => {
      const open = await lab.inTenant(
        "hv1",
        "t2",
        "conntrack -L -p tcp --state ESTABLISHED 2>/dev/null || :",
      );
      return open.includes(`src=${address} `);
    });
    fleet.edit("tenants/t2/web.yaml", "min: 4", "min: 3");
    fleet.edit("tenants/t2/batch.yaml", "min: 3", "min: 2");
    const going = lab.begin("ctl", lab.command(fleet, "--once", "--timeout", "60s"));
    await eventually(
      "its name is gone",
      async () => (await ask(one, "web-4.web.t2.internal"))[0] === "NXDOMAIN",
    );
    expect((await replica("web-4")).running).toBe(true);
    expect(await ask(one, "batch.t2.internal")).toHaveLength(2);
    await slow.stop();
    expect(await going.ended).toBe(0);
    expect(await pid()).toBe(before);
  });

  test("that was killed runs again after the next look, and is the only thing that is touched", async () => {
    const [before, ids] = [await pid(), (await lab.containers()).map(({ id, started }) => [id, started])];
    await lab.sh("hv1", `kill -9 ${before}`);
    const plan = await lab.reconcile(fleet, "plan");
    expect(plan.stdout).toMatch(/~ resolver +t2@hv1 +it does not run/);
    await lab.converge(fleet);
    expect(await pid()).not.toBe(before);
    expect(await ask(await onStandby(), "web.t2.internal")).toEqual(["198.18.100.10"]);
    expect((await lab.containers()).map(({ id, started }) => [id, started])).toEqual(ids);
    expect((await lab.once(fleet)).stdout).toContain("No change");
  });

  test("whose files were edited by hand, and read, has its own again", async () => {
    const [before, one] = [await pid(), await replica("web-1")];
    const files = `/run/evenkeel/campus/t2`;
    await lab.sh("hv1", `echo 10.13.13.66 bank.t2.internal >> ${files}/hosts; kill -HUP ${before}`);
    await eventually("it says so", async () => (await ask(one, "bank.t2.internal"))[0] === "10.13.13.66");
    await lab.converge(fleet);
    await eventually("it is told", async () => (await ask(one, "bank.t2.internal"))[0] === "NXDOMAIN");
    expect(await pid()).toBe(before);
    await lab.sh("hv1", `rm ${files}/leases ${files}/told`);
    await lab.converge(fleet);
    expect(await pid()).toBe(before);
    expect((await lab.once(fleet)).stdout).toContain("No change");
  });

  test("whose port somebody else has says so, and holds up nothing else", async () => {
    await lab.sh("hv1", `kill -9 ${await pid()}`);
    const thief = lab.begin("hv1", [
      "nsenter",
      `--net=/run/netns/${namespace("t2")}`,
      "busybox",
      "nc",
      "-l",
      "-p",
      "53",
    ]);
    await eventually("the port is taken", async () =>
      (await lab.inTenant("hv1", "t2", "ss -Hlnt")).includes("*:53"),
    );
    fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
    const { code, stdout } = await lab.once(fleet);
    expect([code, unwrapped(stdout)]).toEqual([
      3,
      expect.stringMatching(/ResolverFailing.*on hv1 dnsmasq: .*10\.13\.13\.1: Address already in use/),
    ]);
    expect((await replica("web-4")).running).toBe(true);
    expect(
      new Set((await lab.requests("client", "http://198.18.100.10/", 8)).map((one) => one.hostname)).size,
    ).toBe(4);
    await thief.stop();
    fleet.edit("tenants/t2/web.yaml", "min: 4", "min: 3");
    await lab.converge(fleet);
    expect(await ask(await replica("web-1"), "web.t2.internal")).toEqual(["198.18.100.10"]);
  });

  test("without dnsmasq on the hypervisor says what to install, and holds up nothing else", async () => {
    await lab.sh("hv1", `kill -9 ${await pid()}; mount --bind /dev/null $(command -v dnsmasq)`);
    const { code, stdout } = await lab.once(fleet);
    expect([code, unwrapped(stdout)]).toEqual([
      3,
      expect.stringContaining("dnsmasq is not there: apt-get install dnsmasq-base"),
    ]);
    const ready = await lab.reconcile(fleet, "get", "tenants", "-o", "json", "-f");
    expect(ready.stdout).toContain("ResolverFailing");
    expect(await lab.requests("client", "http://198.18.100.10/", 3)).not.toContainEqual({ status: 0 });
    await lab.sh("hv1", "umount /usr/sbin/dnsmasq");
    await lab.converge(fleet);
    expect(await ask(await replica("web-1"), "web.t2.internal")).toEqual(["198.18.100.10"]);
  });

  test("goes with its bridge's loss through to the new one, without being started again", async () => {
    const [before, { hv, pid: of, address }] = [await pid(), await onStandby()];
    await lab.inTenant("hv1", "t2", "ip link del br-web");
    await lab.converge(fleet);
    expect(await pid()).toBe(before);
    expect(await lease(hv, `-t ${of} -n`)).toMatch(`${address} 10.13.13.1`);
    expect(await ask(await onStandby(), "web.t2.internal")).toEqual(["198.18.100.10"]);
  });

  test("in a namespace that was deleted under it gives way to another, in a new one", async () => {
    const before = await pid();
    await lab.sh("hv1", `ip netns del ${namespace("t2")}`);
    expect((await lab.try("hv1", ["cat", `/proc/${before}/comm`])).stdout).toBe("dnsmasq\n");
    await lab.converge(fleet);
    expect(await pid()).not.toBe(before);
    expect((await lab.try("hv1", ["cat", `/proc/${before}/comm`])).stdout).toBe("");
    expect(await ask(await onStandby(), "web.t2.internal")).toEqual(["198.18.100.10"]);
  });

  test("moves with its gateway, and leaves nothing behind", async () => {
    fleet.edit("provider/t2.yaml", "primary: hv1", "primary: hv2");
    fleet.edit("provider/t2.yaml", "[{name: hv2}]", "[{name: hv1}]");
    await lab.converge(fleet);
    expect(await processes("hv1")).toEqual([]);
    expect((await lab.try("hv1", ["ls", "/run/evenkeel/campus"])).stdout).toBe("t1\n");
    await pid("hv2");
    for (const one of await onBoth()) {
      expect(await ask(one, "web.t2.internal")).toEqual(["198.18.100.10"]);
      expect(await lease(one.hv, `-t ${one.pid} -n`)).toMatch(`${one.address} 10.13.13.1`);
    }
  });

  test("goes with its tenant; the other tenant's stays", async () => {
    const other = await pid("hv1", "t1");
    fleet.remove("provider/t2.yaml", "tenants/t2");
    const refused = await lab.once(fleet);
    const [, id = ""] = /approve ([0-9a-f]{7})/.exec(refused.stdout + refused.stderr) ?? [];
    await lab.reconcile(fleet, "approve", id);
    await lab.converge(fleet);
    for (const hv of HYPERVISORS) {
      expect((await lab.try(hv, ["ip", "netns", "list"])).stdout).not.toContain(namespace("t2"));
      expect((await lab.try(hv, ["sh", "-c", "ls /run/evenkeel/campus"])).stdout).toBe(
        hv === "hv1" ? "t1\n" : "",
      );
    }
    expect(await lab.sh("hv1", "pidof dnsmasq")).toBe(`${other}\n`);
    expect(await ask(await replica("web-1", "t1"), "web.t1.internal")).toEqual(["198.18.100.12"]);
  });
});

/** Text that was wrapped, in one line. */
const unwrapped = (text: string): string => text.replaceAll(/\s+/g, " ");

/** Requests that take so long that one is with each of four replicas at once. */
const SLOW = `for n in 1 2 3 4; do curl -s -m 60 -o /dev/null 'http://198.18.100.10/slow?ms=50000' & done; wait`;

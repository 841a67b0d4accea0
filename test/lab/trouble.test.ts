import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { InterfaceAddress } from "../../src/api/addresses.ts";
import { readContact } from "../../src/hosts/contact.ts";
import { contactScript, type Underlay, type Uplink } from "../../src/hosts/contact-script.ts";
import {
  eventually,
  type Fleet,
  type Hv,
  HYPERVISORS,
  Lab,
  namespace,
  partOf,
  type Ran,
  tally,
} from "./lab.ts";

jest.setTimeout(60_000);

let lab: Lab;
let fleet: Fleet;
let example: Record<string, string>;

beforeAll(async () => {
  lab = await Lab.up("trouble");
  fleet = lab.fleet();
  example = fleet.files();
  await lab.converge(fleet);
});
afterEach(async () => {
  await lab.hack("heal", "hv2");
  for (const hv of HYPERVISORS) await lab.giveBack(hv);
  fleet.restore(example);
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const url = (tenant: string): string => `http://${fleet.service(tenant)}/`;
const SPREAD = { "web-1": 4, "web-2": 4, "web-3": 4 };
const said = ({ stdout, stderr }: Ran): string => stdout + stderr;

/** One more subnet without replicas. */
const emptySubnet = (name: string): string =>
  fleet
    .read("tenants/t2/batch.yaml")
    .replace("name: batch", `name: ${name}`)
    .replace("10.13.14.", "10.13.15.");

/** Runs `--once`, which must end with that code and change nothing on any hypervisor. */
async function touchesNothing(
  code: number,
  run: () => Promise<Ran> = () => lab.once(fleet),
): Promise<string> {
  const before = await lab.snapshots();
  const ran = await run();
  expect([ran.code, said(ran)]).toEqual([code, expect.anything()]);
  expect(await lab.snapshots()).toEqual(before);
  return said(ran);
}

describe("a hypervisor that cannot be reached", () => {
  test("is named, exit 3; nothing is deleted or moved there, and home is served and mended", async () => {
    await lab.hack("cut", "hv2");
    const before = await lab.snapshots();
    await lab.inTenant("hv1", "t1", "ip route del default");
    const ran = await lab.once(fleet);
    expect([ran.code, said(ran)]).toEqual([3, expect.stringMatching(/hv2/)]);
    expect(await lab.snapshots()).toEqual(before);
    expect(tally(await lab.requests("client", url("t1"), 6, 1))).toEqual({ "web-1": 2, "web-2": 2, none: 2 });
  });

  test("is refused with a wrong host key, exit 3, and named", async () => {
    fleet.edit("provider/hv2.yaml", lab.hypervisor("hv2").hostKey, lab.hypervisor("hv1").hostKey);
    expect(await touchesNothing(3)).toMatch(/hv2.*(host )?key/i);
  });
});

/** Kills the sshd of the session that the calling script runs in. */
const KILL_SESSION = `p=$$
while [ $p -gt 1 ] && [ "$(cat /proc/$p/comm)" != sshd ]; do p=$(awk '/^PPid:/ {print $2}' /proc/$p/status); done
[ $p = 1 ] || kill -9 $p`;

describe("the first contact", () => {
  const UNDERLAY = { device: "eth0", address: "198.18.0.11", mtu: 1500 };
  const UPLINK = { device: "edge", address: "198.18.100.2/24" as InterfaceAddress };
  const bad = async (underlay: Underlay, uplink?: Uplink): Promise<string[]> => {
    const { stdout } = await lab.try(
      "hv1",
      ["sh", "-s"],
      contactScript({ underlay: underlay, uplink: uplink, runtimes: ["docker"], domainType: "kvm" }),
    );
    return readContact(stdout)
      .filter(({ state }) => state === "failed")
      .map(({ message }) => message);
  };

  test("finds nothing amiss where all is as the manifest says, with an uplink and without", async () => {
    expect(await bad(UNDERLAY, UPLINK)).toEqual([]);
    expect(await bad({ ...UNDERLAY, mtu: 1280 })).toEqual([]);
  });

  test("finds a device, an address and an MTU that are not there", async () => {
    expect(await bad({ ...UNDERLAY, mtu: 9000 }, { ...UPLINK, device: "edg" })).toEqual([
      "edg is missing",
      "198.18.100.2 is not on edg",
      "eth0 passes 1500 octets, underlay.mtu says 9000",
    ]);
    // A tenant's address is not the hypervisor's own, and neither is the beginning of one.
    for (const address of ["198.18.100.10/24", "98.18.100.2/24", "198.18.100.200/24"] as InterfaceAddress[])
      expect(await bad(UNDERLAY, { ...UPLINK, address })).toEqual([
        `${address.replace("/24", "")} is not on edge`,
      ]);
  });

  test("keeps an MTU that the underlay does not pass from being used, exit 3", async () => {
    fleet.edit("provider/hv1.yaml", "device: eth0", "device: eth0\n    mtu: 9000");
    const ours = fleet.state;
    fleet.state = `${ours}-fresh`;
    const text = await touchesNothing(3);
    fleet.state = ours;
    expect(text).toMatch(/eth0 passes 1500 octets, underlay\.mtu says 9000/);
  });
});

describe("a look cut off half-way deletes and adds nothing, exit 3:", () => {
  const half = (tool: string): string => `/usr/sbin/${tool} "$@" | head -c 300`;
  const CASES: [string, Hv, string, string][] = [
    ["the session dies", "hv2", "ip6tables-save", KILL_SESSION],
    ["the session to home dies", "hv1", "ip6tables-save", KILL_SESSION],
    ["a tool fails", "hv2", "ebtables-nft-save", "exit 1"],
    ["a tool prints half", "hv2", "bridge", half("bridge")],
    ["a tool prints nothing", "hv1", "bridge", "exit 0"],
    ["iptables-save prints half", "hv2", "iptables-save", half("iptables-save")],
    ["ebtables-nft-save prints nothing", "hv1", "ebtables-nft-save", "exit 0"],
  ];
  test.each(CASES)("%s (%s)", async (_what, hv, tool, script) => {
    await lab.replace(hv, tool, script);
    expect(await touchesNothing(3)).toMatch(new RegExp(hv));
    expect(tally(await lab.requests("client", url("t2"), 12))).toEqual(SPREAD);
  });
});

test("Docker down: links are mended all the same, containers left alone, exit 3", async () => {
  const before = await lab.snapshots();
  await lab.endDocker("hv1", "TERM");
  await lab.inTenant("hv1", "t1", "ip route del default; ip link set br-web down");

  const ran = await lab.once(fleet);
  expect([ran.code, said(ran)]).toEqual([3, expect.stringMatching(/hv1.*Docker|Docker.*hv1/s)]);
  expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);

  await lab.hack("up");
  await lab.converge(fleet);
  expect(await lab.snapshots()).toEqual(before);
});

test("a missing image is named, exit 3; what stood goes on, and the other tenant is served", async () => {
  fleet.edit("tenants/t1/web.yaml", "image: evenkeel/web:1", "image: evenkeel/none:9");
  fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
  const before = await lab.containers("t1");
  const ran = await lab.once(fleet);
  expect([ran.code, said(ran)]).toEqual([3, expect.stringContaining("evenkeel/none:9")]);
  expect(await lab.containers("t1")).toEqual(before);
  expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
  expect(Object.keys(tally(await lab.requests("client", url("t2"), 8)))).toHaveLength(4);
});

test("a pull that does not come to an end holds up nobody else", async () => {
  // A registry that takes the call and never says a word.
  const silent = `require("net").createServer(() => console.log("called")).listen(5000, "198.18.0.1", () => console.log("listening"))`;
  const registry = lab.begin("ctl", ["node", "-e", silent]);
  await registry.says(/listening/);
  fleet.edit("tenants/t1/web.yaml", "image: evenkeel/web:1", "image: 198.18.0.1:5000/slow:1");
  fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 4");
  const run = lab.begin("ctl", lab.command(fleet, "--once"));
  await registry.says(/called/);
  await run.says(/being fetched/);
  await eventually("the other tenant is served", async () => {
    const answers = await lab.requests("client", url("t2"), 8);
    return Object.keys(tally(answers)).length === 4;
  });
  expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
  expect(run.stdout).toBe("");

  await registry.stop("SIGKILL");
  expect(await run.ended).toBe(3);
  expect(run.stdout).toMatch(/198.18.0.1:5000\/slow:1/);
});

test("two fleets on the same hypervisors: neither touches the other", async () => {
  const before = await lab.snapshots();
  const metro = lab.fleet("metro");
  metro.remove("provider/t2.yaml", "tenants/t2");
  for (const hv of HYPERVISORS) metro.edit(`provider/${hv}.yaml`, "fleet: campus", "fleet: metro");
  metro.edit("provider/t1.yaml", "198.18.100.12/31", "198.18.100.32/31");
  metro.edit("tenants/t1/web.yaml", "address: 198.18.100.12", "address: 198.18.100.32");
  await lab.converge(metro);
  expect(tally(await lab.requests("client", "http://198.18.100.32/", 12))).toEqual(SPREAD);

  const both = await lab.snapshots();
  for (const tenant of ["t1", "t2"]) expect(partOf(both, tenant)).toEqual(partOf(before, tenant));
  await touchesNothing(0);
  await touchesNothing(0, () => lab.once(metro));

  metro.remove("provider/t1.yaml", "tenants/t1");
  await lab.converge(metro);
  expect(await lab.snapshots()).toEqual(before);
});

describe("a VXLAN id that somebody else uses", () => {
  const foreign = "ip link add vxforeign type vxlan dstport 4789 dev eth0 id ";
  const idOf = async (hv: Hv, tenant: string, link: string): Promise<number> => {
    const links = await lab.inTenant(hv, tenant, `ip -j -d link show ${link}`);
    return (
      (JSON.parse(links) as { linkinfo: { info_data: { id: number } } }[])[0]?.linkinfo.info_data.id ?? 0
    );
  };

  afterEach(() => lab.sh("hv2", "ip link del vxforeign 2>/dev/null || :"));

  test("is not given out", async () => {
    const ids = await Promise.all(
      [
        ["t1", "vx-web"],
        ["t1", "vxmgmt"],
        ["t2", "vx-web"],
        ["t2", "vx-batch"],
        ["t2", "vxmgmt"],
      ].map(([tenant = "", link = ""]) => idOf("hv1", tenant, link)),
    );
    const next = Math.max(...ids) + 1;
    await lab.sh("hv2", foreign + next);
    fleet.write("tenants/t1/more.yaml", emptySubnet("more"));
    await lab.converge(fleet);
    expect(await idOf("hv1", "t1", "vx-more")).toBe(next + 1);
  });

  test("and that is ours is named with its holder, exit 3; nothing foreign is touched", async () => {
    const id = await idOf("hv2", "t1", "vx-web");
    await lab.inTenant("hv2", "t1", "ip link del vx-web");
    await eventually(
      "the id is free",
      async () => (await lab.try("hv2", ["sh", "-c", foreign + id])).code === 0,
    );
    const ran = await lab.once(fleet);
    expect([ran.code, said(ran)]).toEqual([3, expect.stringMatching(new RegExp(`${id}.*vxforeign`))]);
    await lab.sh("hv2", "ip link show vxforeign");
    expect(tally(await lab.requests("client", url("t2"), 12))).toEqual(SPREAD);

    await lab.sh("hv2", "ip link del vxforeign");
    await lab.converge(fleet);
    expect(tally(await lab.requests("client", url("t1"), 12))).toEqual(SPREAD);
  });
});

/** From now on the first exec that wants the lock on hv1 waits outside of it, until {@link letGo}. */
const holdBack = (): Promise<void> =>
  lab.replace(
    "hv1",
    "flock",
    `if [ "$1" = -w ] && mkdir /run/held-back 2>/dev/null; then until [ -e /run/go ]; do sleep 0.05; done; fi
exec /usr/bin/flock "$@"`,
  );
const isHeldBack = (): Promise<boolean> =>
  eventually(
    "its change waits",
    async () => (await lab.try("hv1", ["test", "-e", "/run/held-back"])).code === 0,
  );
const letGo = (): Promise<string> => lab.sh("hv1", "touch /run/go");
async function stopHolding(): Promise<void> {
  await lab.giveBack("hv1");
  await lab.sh("hv1", "rm -rf /run/go /run/held-back");
}

test("two on one state directory: the second is told who holds it, exit 1", async () => {
  await lab.inTenant("hv1", "t1", "ip route del default"); // so that the first has something to do
  await holdBack();
  const first = lab.begin("ctl", lab.command(fleet, "--once"));
  await isHeldBack();
  const second = await lab.once(fleet);
  expect([second.code, said(second)]).toEqual([1, expect.stringContaining(`:${first.pid}`)]);
  await letGo();
  expect(await first.ended).toBe(0);
  await stopHolding();
});

describe("another controller", () => {
  /** Begins a `--once` that has something to change, and kills it in the middle of that. */
  async function killedAtWork(...options: string[]): Promise<number> {
    const other = fleet.other();
    fleet.edit("tenants/t2/web.yaml", "min: 3", "min: 5");
    const serial = (): number => Number(lab.fence("hv1").trim().split(" ").at(-1));
    const before = serial();
    const running = lab.begin("ctl", lab.command(other, "--once", ...options));
    // The first batch takes the fence, the second has begun to change something.
    await eventually(
      "it holds hv1",
      () =>
        lab.fence("hv1").includes(`${running.pid} `) &&
        / held /.test(lab.fence("hv1")) &&
        serial() > before + 1,
    );
    await running.stop("SIGKILL");
    fleet.restore(example);
    return running.pid;
  }

  test("that was at work a moment ago refuses us, exit 3, with its name; --take-over does not ask", async () => {
    const pid = await killedAtWork();
    expect(lab.fence("hv1")).toMatch(/ held /);
    const refused = await touchesNothing(3);
    expect(refused).toContain(`:${pid}`);
    expect(refused).toContain(fleet.tree);

    const taken = await lab.once(fleet, "--take-over");
    expect([taken.code, said(taken)]).toEqual([0, expect.anything()]);
    expect(await lab.containers("t2")).toHaveLength(3);
    expect(lab.fence("hv1")).toMatch(/ free /);
  });

  test("that has taken over stops our late commands: an older epoch is refused there", async () => {
    await holdBack();
    fleet.write("tenants/t2/late.yaml", emptySubnet("late"));
    const late = lab.begin("ctl", lab.command(fleet, "--once"));
    await isHeldBack();
    fleet.restore(example);
    const pid = await killedAtWork("--take-over");
    await letGo();

    expect(await late.ended).toBe(3);
    expect(late.stdout + late.stderr).toContain(`:${pid}`);
    expect((await lab.try("hv1", ["ip", "-n", namespace("t2"), "link", "show", "br-late"])).code).not.toBe(0);
    expect(lab.fence("hv1")).toContain(`${pid} `);
    await stopHolding();
    expect((await lab.once(fleet, "--take-over")).code).toBe(0);
  });
});

test("with the ledger lost while hv2 is cut nothing is withdrawn, placed or scaled, exit 3", async () => {
  await lab.hack("cut", "hv2");
  fleet.forget();
  fleet.edit("tenants/t1/web.yaml", "min: 3", "min: 4");
  fleet.edit("tenants/t2/web.yaml", "hello from t2", "hello again");
  const before = await lab.containers();
  const words = await touchesNothing(3);
  expect(words).toMatch(/hv2/);
  expect(await lab.containers()).toEqual(before);

  fleet.restore(example);
  await lab.hack("heal", "hv2");
  await touchesNothing(0);
});

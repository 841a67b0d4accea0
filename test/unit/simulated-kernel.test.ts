import { expect, test } from "@jest/globals";
import type { Ipv4 } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import type { ScriptOperation, Tool } from "../../src/resources/operation.ts";
import { startContainer } from "../../src/simulated/docker.ts";
import { Machine } from "../../src/simulated/machine.ts";
import type { Space } from "../../src/simulated/parts.ts";
import { runBlock } from "../../src/simulated/programs.ts";

/** What the lab's conformance test found, each by itself. */

const machine = (): Machine =>
  new Machine({
    name: "hv1" as never,
    underlay: { address: "198.18.0.11" as never, device: "eth0", mtu: 1500 },
    uplink: undefined,
    cpus: 2,
    now: () => 0,
  });

type Step = readonly [Tool, ...string[]];

/** A namespace after what was done in it, and how each of that went. */
function after(...steps: readonly Step[]): { space: Space; went: boolean[] } {
  const on = machine();
  const run = (operation: Omit<ScriptOperation, "phase">): boolean =>
    runBlock(
      on,
      { tenant: "", operations: [{ phase: "configure", ...operation }], sandboxes: new Map() },
      { lines: Number.POSITIVE_INFINITY },
    ).ok;
  run({ tool: "netns-add", lines: ["n"] });
  const went = steps.map(([tool, ...lines]) =>
    run({ tool, ...(tool !== "ip" && { namespace: "n" }), lines }),
  );
  const space = on.spaces.get("n");
  if (!space) throw new Error("the namespace is gone");
  return { space, went };
}

const MAC = "02:01:0a:00:00:02";
const BRIDGE = ["ip", "link add name br netns n type bridge"] as const;
const VXLAN = ["ip", "link add name vx mtu 1450 netns n type vxlan id 7 local 198.18.0.11 dev eth0"] as const;
const PORT = ["ip-inside", "link set vx master br"] as const;
const addressed = (address: string) => ["ip-inside", `addr add ${address} dev br`, "link set br up"] as const;
const link = ({ links }: Space, name: string) => links.find((one) => one.name === name);

test("a loopback that comes up has its address, and no route to it in the main table", () => {
  const { space } = after(["ip-inside", "link set lo up"]);
  expect([link(space, "lo")?.addresses, space.routes]).toEqual([["127.0.0.1/8"], []]);
});

test("a bridge has the smallest MTU of its ports until it is told another, and 1500 without any", () => {
  const mtu = (...more: readonly Step[]): number | undefined =>
    link(after(BRIDGE, VXLAN, PORT, ...more).space, "br")?.mtu;
  expect(mtu()).toBe(1450);
  expect(mtu(["ip-inside", "link set vx nomaster"])).toBe(1500);
  expect(mtu(["ip-inside", "link set br mtu 1400", "link set vx nomaster"])).toBe(1400);
});

test("a VXLAN takes no greater MTU than the link below leaves", () => {
  const { space, went } = after(
    ["ip", VXLAN[1].replace("1450", "9000")],
    ["ip-inside", "link set vx mtu 1451"],
    ["ip-inside", "link set vx mtu 1300"],
  );
  expect([went, link(space, "vx")?.mtu]).toEqual([[true, false, true], 1300]);
});

test("permanent neighbours are lost with any MAC that is set, and with the last address", () => {
  const known = ["ip-inside", `neigh replace 10.0.0.2 lladdr ${MAC} dev br nud permanent`] as const;
  const lost = (line: string): boolean =>
    after(BRIDGE, addressed("10.0.0.1/24"), known, ["ip-inside", line]).space.neighbours.length === 0;
  const same = link(after(BRIDGE).space, "br")?.mac ?? "";
  expect(
    ["link set br mtu 1400", `link set br address ${same}`, "addr del 10.0.0.1/24 dev br"].map(lost),
  ).toEqual([false, true, true]);
});

test("a route goes with the last address of its device, and starts from an own address alone", () => {
  const { space, went } = after(
    BRIDGE,
    addressed("10.0.0.1/24"),
    ["ip-inside", "route replace default via 10.0.0.9"],
    ["ip-inside", "route replace 10.9.0.0/24 dev br src 10.0.0.7"],
    ["ip-inside", "addr del 10.0.0.1/24 dev br"],
  );
  expect([went.slice(2), space.routes]).toEqual([[true, false, true], []]);
});

test("a bridge keeps one entry for an address, and none for its own", () => {
  const replace = (port: string) =>
    ["bridge-inside", `fdb replace ${MAC} dev ${port} master static`] as const;
  const other = ["ip", VXLAN[1].replace("vx", "vy").replace("id 7", "id 8")] as const;
  const both = [BRIDGE, VXLAN, PORT, other, ["ip-inside", "link set vy master br"]] as const;
  const moved = after(...both, replace("vx"), replace("vy"));
  expect(moved.space.forwarding.map(({ device }) => device)).toEqual(["vy"]);
  const taken = after(
    ...both,
    replace("vx"),
    ["ip-inside", `link set br address ${MAC}`],
    ["bridge-inside", `fdb del ${MAC} dev vx master`],
  );
  expect([taken.space.forwarding, taken.went.at(-1)]).toEqual([[], false]);
});

test("a VXLAN says nothing of a destination that it does not know, but of an address", () => {
  const { space, went } = after(
    VXLAN,
    ["bridge-inside", `fdb replace ${MAC} dev vx dst 198.18.0.12 self static`],
    ["bridge-inside", `fdb del ${MAC} dev vx dst 198.18.0.13 self`],
    ["bridge-inside", "fdb del 02:01:0a:00:00:03 dev vx dst 198.18.0.12 self"],
  );
  expect([went.slice(2), space.forwarding.length]).toEqual([[true, false], 1]);
});

test("neither a loopback nor a bridge becomes a port", () => {
  const { went } = after(
    BRIDGE,
    ["ip-inside", "link set lo master br"],
    ["ip-inside", "link set br master br"],
  );
  expect(went).toEqual([true, false, false]);
});

test("a port that is given to what is no bridge has left its own", () => {
  const { space, went } = after(BRIDGE, VXLAN, PORT, ["ip-inside", "link set vx master vx"]);
  expect([went.at(-1), link(space, "vx")?.master]).toEqual([false, undefined]);
});

test("of a restore that was cut the tables stand that were closed; ebtables closes none", () => {
  const filter = ["*filter", ":INPUT DROP [0:0]", "COMMIT"];
  const { space, went } = after(
    ["iptables", ...filter, "*mangle", ":INPUT DROP [0:0]"],
    ["ebtables", "*nat", ":PREROUTING ACCEPT"],
  );
  expect([went, Object.keys(space.ipv4)]).toEqual([[false, true], ["filter"]]);
  expect(space.bridge["nat"]?.chains).toEqual({
    PREROUTING: "ACCEPT",
    OUTPUT: "ACCEPT",
    POSTROUTING: "ACCEPT",
  });
});

test("a restore that names no chain leaves no table", () => {
  const { space, went } = after(["ebtables", "*nat", ":PREROUTING ACCEPT"], ["ebtables", "*nat"]);
  expect([went, space.bridge]).toEqual([[true, true], {}]);
});

test("IPv6 that is turned off for all is turned off for those to come", () => {
  const { space } = after(["sysctl", "ipv6/conf/all/disable_ipv6=1"]);
  expect(space.sysctls["ipv6/conf/default/disable_ipv6"]).toBe("1");
});

test("a container that is paused hears its signal, and is not started", () => {
  const on = machine();
  on.images.set("web", "");
  const request = {
    name: "c",
    hostname: "c",
    image: "web",
    command: [],
    env: [],
    labels: {},
    resolver: trusted<Ipv4>("10.13.13.1"),
    searchDomains: ["web.t2.internal", "t2.internal"],
    nanoCpus: 0,
    memory: 0,
  };
  const { id } = startContainer(on, request);
  const container = on.containers.get(id);
  if (!container) throw new Error("there is no container");
  container.state = "paused";
  expect(() => startContainer(on, request)).toThrow(/paused/);
  const lines = [`SIGTERM ${id}`];
  const operations: ScriptOperation[] = [{ phase: "stop", tool: "signal", lines }];
  runBlock(on, { tenant: "", operations, sandboxes: new Map() }, { lines: 1 });
  expect([container.state, container.endsAt === undefined]).toEqual(["running", false]);
});

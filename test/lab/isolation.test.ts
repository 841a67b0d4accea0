import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  type Container,
  eventually,
  type Fleet,
  type Host,
  type Hv,
  HYPERVISORS,
  Lab,
  namespace,
} from "./lab.ts";

jest.setTimeout(30_000);

const TENANTS = ["t1", "t2"] as const;

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await Lab.up("isolation");
  fleet = lab.fleet();
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const ping = (address: string): string => `ping -c 1 -W 1 ${address}`;
const tcp = (address: string, port: number): string => `timeout 1 bash -c ': < /dev/tcp/${address}/${port}'`;

/** Which of the probes got through, all tried at once. */
const tryAll = (probes: readonly string[]): string =>
  `${probes.map((probe) => `( ${probe} >/dev/null 2>&1 && echo "${probe.replaceAll('"', "")}" || : ) &`).join("\n")}\nwait`;
const reached = (text: string): string[] => text.split("\n").filter(Boolean);

/** Probes of what is outside of a tenant, with a host from which each of them gets through. */
function outside(other: string): [string, Host][] {
  const [hv1, hv2] = [lab.hypervisor("hv1"), lab.hypervisor("hv2")];
  return [
    [tcp(fleet.service(other), 80), "client"],
    [tcp(hv1.address, 22), "ctl"],
    [tcp(hv2.address, 22), "ctl"],
    [ping(hv1.address), "ctl"],
    [ping(hv2.address), "ctl"],
    [ping(lab.hosts.ctl), "hv1"],
    [ping(hv1.edge), "client"],
    [ping(hv2.edge), "client"],
    [ping(lab.hosts.router), "client"],
    [ping(lab.hosts.neighbour), "client"],
    [ping(lab.hosts.client), "neighbour"],
    [ping("172.17.0.1"), "hv2"], // docker0
  ];
}

const first = async (tenant = "t1"): Promise<[Container, Container, Container]> =>
  (await lab.containers(tenant, "web")) as [Container, Container, Container];

describe("what a replica reaches:", () => {
  test("everything that is tried below answers those who may ask", async () => {
    for (const [probe, host] of [...outside("t1"), ...outside("t2")])
      expect([probe, (await lab.try(host, ["sh", "-c", probe])).code]).toEqual([probe, 0]);
  });

  test.each([
    ["t1", "t2"],
    ["t2", "t1"],
  ])("%s's: nothing outside, neither %s nor hypervisors, controller, router", async (tenant, other) => {
    // Not even a packet of theirs is seen on the edge, which nobody could answer.
    const watch = ["tcpdump", "-l", "-n", "-i", "edge", `net 10.13.13.0/24 or host ${lab.hosts.neighbour}`];
    const edge = lab.begin("router", watch);
    await edge.says(/listening on/);
    const probes = outside(other).map(([probe]) => probe);
    for (const of of await first(tenant)) expect(reached(await lab.inside(of, tryAll(probes)))).toEqual([]);
    await lab.sh("neighbour", ping(lab.hosts.router));
    await edge.says(new RegExp(`${lab.hosts.neighbour} >`));
    expect((await edge.stop()).stdout).not.toMatch(/10\.13\.13\./);
  });

  test("of the gateway: an echo, and no port", async () => {
    for (const of of await first()) {
      expect(reached(await lab.inside(of, tryAll([ping("10.13.13.1")])))).toEqual([ping("10.13.13.1")]);
      const probes = [
        tcp("10.13.13.1", 22),
        tcp("10.13.13.1", 8080),
        tcp("192.168.252.1", 22),
        ping("192.168.252.1"),
      ];
      expect(reached(await lab.inside(of, tryAll(probes)))).toEqual([]);
    }
  });

  test("over the management network: no other replica, and the gateway reaches them all", async () => {
    const replicas = await first();
    for (const from of replicas) {
      const others = replicas.filter((to) => to !== from).map(({ managementAddress }) => managementAddress);
      const probes = others.flatMap((address) => [ping(`-I eth1 ${address}`), tcp(address, 8080)]);
      expect(reached(await lab.inside(from, tryAll(probes)))).toEqual([]);
    }
    const probes = replicas.flatMap(({ managementAddress: to }) => [ping(to), tcp(to, 8080)]);
    const got = reached(await lab.inTenant("hv1", "t1", tryAll(probes)));
    expect(got.toSorted()).toEqual(probes.toSorted());
  });

  test("a gateway reaches no other tenant's service", async () => {
    for (const [tenant, other] of [TENANTS, TENANTS.toReversed()] as [string, string][]) {
      const probes = [tcp(fleet.service(other), 80), ping(fleet.service(other))];
      expect(reached(await lab.inTenant("hv1", tenant, tryAll(probes)))).toEqual([]);
    }
  });
});

describe("what an edge neighbour reaches:", () => {
  test("no address inside, not even with a route by the service address", async () => {
    const replicas = await first();
    await lab.sh("neighbour", `ip route add 10.13.13.0/24 via ${fleet.service("t1")}`);
    try {
      const probes = replicas.flatMap(({ address }) => [ping(address), tcp(address, 8080)]);
      expect(reached(await lab.sh("neighbour", tryAll([...probes, ping("10.13.13.1")])))).toEqual([]);
    } finally {
      await lab.sh("neighbour", "ip route del 10.13.13.0/24");
    }
  });

  test("ARP is answered for services, not for the gateway's addresses inside", async () => {
    const answered = async (address: string): Promise<boolean> => {
      const ask = `ip route replace ${address}/32 dev edge; ip neigh flush to ${address}
ping -c 1 -W 1 ${address} >/dev/null || :; ip neigh show ${address}; ip route del ${address}/32 dev edge`;
      return (await lab.sh("neighbour", ask)).includes("lladdr");
    };
    expect(await answered(fleet.service("t1"))).toBe(true);
    expect(await answered(fleet.service("t2"))).toBe(true);
    expect(await answered("10.13.13.1")).toBe(false);
    expect(await answered("192.168.252.1")).toBe(false);
  });
});

const hex = (text: string): string => Buffer.from(text).toString("hex");
const macHex = (mac: string): string => mac.replaceAll(":", "");
const ipHex = (address: string): string => Buffer.from(address.split(".").map(Number)).toString("hex");
const size = (length: number): string => length.toString(16).padStart(4, "0");
const BROADCAST = "ff:ff:ff:ff:ff:ff";
const STRANGER = "02:66:66:66:66:66";

const ethernet = (to: string, from: string, type: string, rest: string): string =>
  macHex(to) + macHex(from) + type + rest;

/** A UDP packet in IPv4, with no checksum of its own. */
function udp(from: string, to: string, ports: [number, number], text: string): string {
  const payload = hex(text);
  const length = payload.length / 2;
  const head = `4500${size(28 + length)}0000000040110000${ipHex(from)}${ipHex(to)}`;
  const words = (head.match(/..../g) ?? []).map((word) => Number.parseInt(word, 16));
  let sum = words.reduce((a, b) => a + b, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const checked = head.slice(0, 20) + size(~sum & 0xffff) + head.slice(24);
  return `${checked}${size(ports[0])}${size(ports[1])}${size(8 + length)}0000${payload}`;
}

const arp = (mac: string, address: string, target: string, text: string): string =>
  `0001080006040002${macHex(mac)}${ipHex(address)}${macHex(BROADCAST)}${ipHex(target)}${hex(text)}`;

/** Sends frames as they are; `perl-base` is on every Debian. */
const send = async (of: Container, device: string, frames: readonly string[]): Promise<void> => {
  const [link] = JSON.parse(await lab.inside(of, `ip -j link show ${device}`)) as { ifindex: number }[];
  const program = `socket(S,17,3,0) or die; for (@ARGV[1..$#ARGV]) {
    send(S, pack("H*",$_), 0, pack("SnlSCCa8",17,0,$ARGV[0],0,0,6,"")) or die $! }`;
  await lab.inside(of, `perl -e '${program}' ${link?.ifindex} ${frames.join(" ")}`);
};

interface Network {
  readonly device: string;
  readonly bridge: string;
  readonly port: string;
  readonly gateway: string;
  readonly own: (of: Container) => string;
}
const NETWORKS: [string, Network][] = [
  [
    "subnet",
    { device: "eth0", bridge: "br-web", port: "w", gateway: "10.13.13.1", own: ({ address }) => address },
  ],
  [
    "management network",
    {
      device: "eth1",
      bridge: "mgmt",
      port: "m",
      gateway: "192.168.252.1",
      own: ({ managementAddress: a }) => a,
    },
  ],
];

/** MACs follow from addresses. */
const macOf = (address: string): string => `02:01:${(ipHex(address).match(/../g) ?? []).join(":")}`;

describe.each(NETWORKS)(
  "frames that a replica may not send on the %s",
  (_name, { device, bridge, port, gateway, own }) => {
    const KINDS: [string, (me: string, mac: string, other: string, text: string) => string][] = [
      [
        "foreign MAC",
        (me, _mac, other, text) => ethernet(macOf(other), STRANGER, "0800", udp(me, other, [9, 9], text)),
      ],
      [
        "gateway's MAC",
        (me, _mac, other, text) =>
          ethernet(macOf(other), macOf(gateway), "0800", udp(me, other, [9, 9], text)),
      ],
      [
        "foreign IP inside",
        (_me, mac, other, text) =>
          ethernet(macOf(other), mac, "0800", udp(gateway.replace(/1$/, "99"), other, [9, 9], text)),
      ],
      [
        "another's IP, to the gateway",
        (_me, mac, other, text) => ethernet(macOf(gateway), mac, "0800", udp(other, gateway, [9, 9], text)),
      ],
      [
        "foreign IP outside",
        (_me, mac, other, text) =>
          ethernet(macOf(other), mac, "0800", udp("203.0.113.9", other, [9, 9], text)),
      ],
      [
        "ARP for the gateway",
        (_me, mac, other, text) => ethernet(BROADCAST, mac, "0806", arp(mac, gateway, other, text)),
      ],
      [
        "ARP with a foreign MAC",
        (me, mac, other, text) => ethernet(BROADCAST, mac, "0806", arp(STRANGER, me, other, text)),
      ],
      [
        "DHCP answer",
        (me, mac, _other, text) =>
          ethernet(BROADCAST, mac, "0800", udp(me, "255.255.255.255", [67, 68], text)),
      ],
      [
        "router advertisement",
        (_me, mac, _other, text) =>
          ethernet(
            "33:33:00:00:00:01",
            mac,
            "86dd",
            `600000000${size(16).slice(1)}3aff${"fe80".padEnd(32, "0")}${"ff02".padEnd(31, "0")}1${"86000000".padEnd(32, "0")}${hex(text)}`,
          ),
      ],
      [
        "IPv6",
        (_me, mac, other, text) =>
          ethernet(
            macOf(other),
            mac,
            "86dd",
            `60000000${size(40)}11ff${"fe80".padEnd(32, "0")}${"fe80".padEnd(31, "0")}1${hex(text)}`,
          ),
      ],
      [
        "VLAN tag",
        (me, mac, other, text) =>
          ethernet(macOf(other), mac, "8100", `00010800${udp(me, other, [9, 9], text)}`),
      ],
      ["STP", (_me, mac, _other, text) => ethernet(BROADCAST, mac, size(60), `424203${hex(text)}`)],
    ];

    test("arrive nowhere, and are counted", async () => {
      const [from, near, far] = await first();
      const mac = macOf(own(from));
      const everywhere = await Promise.all([
        listen(near.hv, ["-t", String(near.pid), "-n"], device),
        listen(far.hv, ["-t", String(far.pid), "-n"], device),
        listen("hv1", [`--net=/run/netns/${namespace("t1")}`], bridge),
        listen("hv2", [`--net=/run/netns/${namespace("t1")}`], bridge),
        listen("hv1", [`--net=/run/netns/${namespace("t2")}`], bridge),
      ]);
      const before = await dropped(from.hv, port + from.incarnation);

      // Near and far replicas are both aimed at.
      const frames = KINDS.flatMap(([name, frame]) =>
        [near, far].map((to) => frame(own(from), mac, own(to), `spoof-${name.replaceAll(" ", "-")}.`)),
      );
      await send(from, device, frames);
      // What may be sent goes last. To the gateway it arrives; to a replica, on the subnet alone.
      const fair = (to: string, text: string): string =>
        ethernet(macOf(to), mac, "0800", udp(own(from), to, [9, 9], text));
      await send(from, device, [
        ...[near, far].map((to) => fair(own(to), "spoof-peer.")),
        fair(gateway, "spoof-gateway."),
      ]);
      // What the gateway sends is seen after all that could have been seen before it.
      await lab.inTenant("hv1", "t1", [near, far].map((to) => ping(own(to))).join("; "));
      const [atNear, atFar, atHome] = everywhere;
      for (const capture of [atNear, atFar]) await capture?.says(/ICMP echo request/);
      await atHome?.says(/spoof-gateway/);

      const peers = device === "eth0" ? ["spoof-peer"] : [];
      const expected = [peers, peers, ["spoof-gateway"], [], []];
      for (const [index, capture] of everywhere.entries()) {
        const { stdout } = await capture.stop();
        expect(new Set(stdout.match(/spoof-[\w-]+/g))).toEqual(new Set(expected[index]));
      }
      expect((await dropped(from.hv, port + from.incarnation)) - before).toBe(frames.length);
    });

    async function listen(hv: Hv, where: readonly string[], on: string) {
      const capture = lab.begin(hv, [
        "nsenter",
        ...where,
        "tcpdump",
        "-p", // a bridge that listens to everything is shown everything
        "-l",
        "-n",
        "-A",
        "-Q",
        "inout",
        "-i",
        on,
      ]);
      await capture.says(/listening on/);
      return capture;
    }

    /** How many frames of a port ended in one of its DROP rules. */
    async function dropped(hv: Hv, chain: string): Promise<number> {
      const rules = await lab.inTenant(hv, "t1", `ebtables-nft -t nat -L ${chain} --Lc`);
      return [...rules.matchAll(/-j DROP.*pcnt = (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    }
  },
);

test("VXLAN packets of strangers are dropped, a peer's arrive", async () => {
  const [home, , far] = await first();
  const [link] = JSON.parse(await lab.inTenant("hv1", "t1", "ip -j -d link show vx-web")) as {
    linkinfo: { info_data: { id: number } };
  }[];
  const id = (link?.linkinfo.info_data.id ?? 0).toString(16).padStart(6, "0");
  const inner = (text: string): string =>
    ethernet(macOf(home.address), macOf(far.address), "0800", udp(far.address, home.address, [9, 9], text));
  const from = (host: Host, text: string): Promise<string> => {
    const program = `socket(S,2,2,0) or die; send(S,pack("H*",$ARGV[1]),0,sockaddr_in(4789,inet_aton($ARGV[0]))) or die $!`;
    const packet = `08000000${id}00${inner(text)}`;
    return lab.sh(host, `perl -MSocket -e '${program}' ${lab.hypervisor("hv1").address} ${packet}`);
  };
  const watch = [
    "nsenter",
    `--net=/run/netns/${namespace("t1")}`,
    "tcpdump",
    "-l",
    "-n",
    "-A",
    "-i",
    "vx-web",
  ];
  const capture = lab.begin("hv1", watch);
  await capture.says(/listening on/);
  for (let n = 0; n < 7; n++) await from("ctl", "from-a-stranger.");
  await from("hv2", "from-a-peer.");
  await capture.says(/from-a-peer/);
  expect((await capture.stop()).stdout).not.toMatch(/from-a-stranger/);
  const rules = await lab.sh("hv1", "iptables-save -c -t filter");
  const drop = rules
    .split("\n")
    .find((rule) => rule.includes(`=0x${id.replace(/^0+/, "")}"`) && rule.endsWith("DROP"));
  expect(drop).toMatch(/^\[7:/);
});

test("IPv6 is off in every namespace and replica, and denied besides", async () => {
  for (const hv of HYPERVISORS)
    for (const tenant of TENANTS) {
      expect((await lab.inTenant(hv, tenant, "ip -6 addr")).trim()).toBe("");
      const policies = (await lab.inTenant(hv, tenant, "ip6tables -S")).trim().split("\n");
      expect(policies).toEqual(["-P INPUT DROP", "-P FORWARD DROP", "-P OUTPUT DROP"]);
    }
  for (const of of await lab.containers()) expect((await lab.inside(of, "ip -6 addr")).trim()).toBe("");
});

test("settings are as they must be, whatever the machine's own are", async () => {
  const WANTED = {
    "ipv4/conf/all/rp_filter": "1",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/all/accept_redirects": "0",
    "ipv4/conf/all/accept_source_route": "0",
  };
  const read = async (hv: Hv, path: string): Promise<string> =>
    (await lab.inTenant(hv, "t1", `cat /proc/sys/net/${path}`)).trim();
  for (const hv of HYPERVISORS) {
    for (const [path, value] of Object.entries(WANTED))
      expect([path, await read(hv, path)]).toEqual([path, value]);
    expect(await read(hv, "ipv4/ip_forward")).toBe(hv === "hv1" ? "1" : "0");
    const bridged = await lab.inTenant(
      hv,
      "t1",
      "cat /proc/sys/net/bridge/bridge-nf-call-* 2>/dev/null || :",
    );
    expect(bridged).not.toMatch(/1/);
  }
  expect(await read("hv1", "ipv4/conf/up0/arp_ignore")).toBe("1");
  expect(await read("hv1", "ipv4/conf/br-web/arp_ignore")).toBe("1");
});

test("on a standby a tenant has no address at all", async () => {
  await eventually("nothing", async () => (await lab.inTenant("hv2", "t1", "ip -4 addr")).trim() === "");
});

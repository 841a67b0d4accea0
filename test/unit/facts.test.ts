import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { trusted } from "../../src/api/names.ts";
import { parseLook } from "../../src/facts/parse.ts";
import { canonicalRule, parseTables } from "../../src/facts/rules.ts";
import { lookScript } from "../../src/facts/script.ts";
import type { ContainerSummary, SocketFact } from "../../src/facts/facts.ts";
import { observe } from "../../src/resources/index.ts";

/** One look at a hypervisor of the lab with two tenants, as it was printed. */
const captured = readFileSync("test/fixtures/look-hv1.txt", "utf8");
const containers = JSON.parse(
  readFileSync("test/fixtures/look-hv1.containers.json", "utf8"),
) as ContainerSummary[];
const HV1 = trusted<import("../../src/api/names.ts").HypervisorName>("hv1");
const FLEET = trusted<import("../../src/api/names.ts").FleetName>("campus");
const parse = (output: string) =>
  parseLook(HV1, output, {
    nonce: "n0nce",
    containers,
    fleet: "campus" as never,
    ours: (name) => name.startsWith("campus."),
  });

describe("a look", () => {
  const facts = parse(captured);
  const t1 = facts.namespaces.get("campus.t1");

  test("shows namespaces, links with their flags, VXLANs, addresses and routes", () => {
    expect([...facts.namespaces.keys()]).toEqual(["campus.t1", "campus.t2"]);
    expect(t1?.links.find(({ name }) => name === "vx-web")).toMatchObject({
      type: "vxlan",
      master: "br-web",
      up: true,
      vxlan: { local: "198.18.0.11", port: 4789 },
      flags: { learning: false, flood: false, neigh_suppress: true, isolated: false, locked: false },
    });
    expect(t1?.links.find(({ name }) => name === "br-web")).toMatchObject({
      addresses: ["10.13.13.1/24"],
      mtu: 1450,
    });
    expect(t1?.routes).toContainEqual({
      destination: "default",
      gateway: "198.18.100.1",
      device: "up0",
      source: undefined,
    });
    expect(t1?.neighbours).toContainEqual({
      device: "br-web",
      address: "10.13.13.2",
      mac: "02:01:0a:0d:0d:02",
    });
    expect(t1?.sysctls["ipv4/ip_forward"]).toBe("1");
  });

  test("shows what a link hangs on, by its index in the hypervisor's own namespace", () => {
    const own = (name: string) => facts.own.links.find((link) => link.name === name)?.index;
    const below = (name: string) => t1?.links.find((link) => link.name === name)?.below;
    expect([own("eth0"), own("edge")]).toEqual([2, 3]);
    expect([below("vx-web"), below("vxmgmt"), below("up0")]).toEqual([2, 2, 3]);
    expect([below("br-web"), below("w7wdz59y6")]).toEqual([undefined, undefined]);
    // An index that no link has where the VXLAN is.
    const far = parse(captured.replaceAll('"link":"mgmt"', '"link":"if77"')).namespaces.get("campus.t1");
    expect(far?.links.find(({ name }) => name === "vx-web")?.below).toBe(77);
  });

  test("shows the inside of replicas without entering them", () => {
    const insides = containers.map(({ id }) => facts.sandboxes.get(id));
    expect(insides).toHaveLength(2);
    for (const inside of insides)
      expect(inside).toMatchObject({
        interfaces: { eth0: { mtu: 1450, address: expect.stringMatching(/^10\.13\.13\.\d+\/24$/) } },
        gateway: "10.13.13.1",
      });
  });

  test("shows the sockets of those that drain, and tells none from not read", () => {
    const [pid, other] = containers.map(({ id }) => facts.sandboxes.get(id)?.pid);
    const tables = `${pid}\n${other}\n${pid} 0A 1F90 1\n${pid} 01 1F90 2\n${pid} 08 1F90 1\n${pid} 01 9C40 7\n`;
    const read = parse(captured.replace("\n#>n0nce end", `\n#>n0nce sockets\n${tables}\n#>n0nce end`));
    const sockets = containers.map(({ id }) => read.sandboxes.get(id)?.sockets);
    const ports: [number, SocketFact][] = [
      [8080, { listens: true, live: 3 }],
      [40_000, { listens: false, live: 7 }],
    ];
    expect(sockets).toEqual([new Map(ports), new Map()]);
    expect(containers.map(({ id }) => facts.sandboxes.get(id)?.sockets)).toEqual([undefined, undefined]);
  });

  test("counts connections that nobody has begun to close by themselves", () => {
    const counted = "tcp ESTABLISHED 10.13.13.9 2\ntcp LAST_ACK 10.13.13.9 1\ntcp TIME_WAIT 10.13.13.9 5\n";
    const read = parse(captured.replace("#>n0nce connections\n", `#>n0nce connections\n${counted}`));
    const t2 = read.namespaces.get("campus.t2");
    expect([t2?.connections, t2?.unclosed]).toEqual([{ "10.13.13.9": 3 }, { "10.13.13.9": 2 }]);
  });

  test("counts no connection that has ended", () => {
    expect(facts.namespaces.get("campus.t2")?.connections).toEqual({});
    expect(t1?.connections).toBeUndefined();
  });

  test("knows whose everything is", () => {
    const kinds = new Set(observe(facts, FLEET).map(({ kind, tenant }) => `${tenant} ${kind}`));
    for (const kind of [
      "netns",
      "guard",
      "sysctls",
      "filter",
      "bridge",
      "vxlan",
      "uplink",
      "container",
      "port",
      "nat",
    ])
      expect(kinds).toContain(`t1 ${kind}`);
    expect(observe(parse(captured), trusted("other"))).toEqual([]);
  });

  test("takes a container for ours only under the name that its labels give it", () => {
    // What `docker commit` of a replica and `docker run` of that image give: our labels, another name.
    const copies = containers.map((one) => ({ ...one, name: "debug" }));
    const found = observe(
      parseLook(HV1, captured, {
        nonce: "n0nce",
        containers: copies,
        fleet: "campus" as never,
        ours: () => true,
      }),
      FLEET,
    );
    expect(found.filter(({ kind }) => kind === "container")).toEqual([]);
  });

  test("that was cut off anywhere is no look", () => {
    for (let length = 0; length < captured.length - "#>n0nce end\n".length; length += 997)
      expect(() => parse(captured.slice(0, length))).toThrow(
        expect.objectContaining({ code: "EK-LOOK-INCOMPLETE" }),
      );
  });

  test("in which a tool printed nothing, or half a line, with exit 0 is no look", () => {
    const lines = captured.split("\n");
    for (const [index, line] of lines.entries()) {
      if (!line.startsWith("[{")) continue;
      for (const damage of ["", line.slice(0, 100)])
        expect(() => parse(lines.with(index, damage).join("\n"))).toThrow(
          expect.objectContaining({ code: "EK-LOOK-INCOMPLETE" }),
        );
    }
  });

  test("in which a tool failed is no look; a foreign namespace that vanished under it is", () => {
    const failing = (where: string): string =>
      captured.replace(`#>n0nce ${where}\n`, `#>n0nce ${where}\n\n#>n0nce failed iptables-save\n`);
    expect(() => parse(failing("fence"))).toThrow(expect.objectContaining({ code: "EK-LOOK-INCOMPLETE" }));
    expect(() => parse(failing("namespace campus.t1"))).toThrow(/namespace campus\.t1/);
    const foreign = captured.replace(
      "#>n0nce domains",
      "#>n0nce namespace other\n\n#>n0nce failed other\n\n#>n0nce domains",
    );
    expect([...parse(foreign).namespaces.keys()]).toEqual(["campus.t1", "campus.t2"]);
  });

  test("cannot be talked into ending early by what a host prints", () => {
    const forged = captured.replace("campus:t1 segment v1", "campus:t1 segment v1\\n#>guess end");
    expect(parse(forged).sandboxes.size).toBe(facts.sandboxes.size);
  });

  test("names every setting it prints, one alone too", () => {
    for (const [, grep] of lookScript({ fleet: FLEET, nonce: "n", draining: [] }).matchAll(
      /(grep -\S+) \. /g,
    ))
      expect(grep).toContain("H");
    const own = captured.replace(/(#>n0nce sysctls\n)1\n/, "$1bridge/bridge-nf-call-iptables:1\n");
    expect(parse(own).own.sysctls["bridge/bridge-nf-call-iptables"]).toBe("1");
  });

  test("reads connections only where a drain is in progress", () => {
    const script = lookScript({ fleet: FLEET, nonce: "n", draining: ["campus.t2"] });
    expect(script).toContain("DRAINING='campus.t2'");
  });
});

describe("rules", () => {
  test.each([
    [
      "-A INPUT -p tcp -m tcp --dport 80 -d 198.18.100.10/32 -j REJECT --reject-with tcp-reset",
      "-A INPUT -d 198.18.100.10/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset",
    ],
    [
      "-A F -i up0 -o br-+ -m conntrack --ctstate DNAT -j ACCEPT",
      "-A F -o br-+ -i up0 -m conntrack --ctstate DNAT -j ACCEPT",
    ],
    [
      "-A C -p tcp -m statistic --mode nth --every 3 --packet 0 -j DNAT --to-destination 10.0.0.1:80",
      "-A C -p tcp -m tcp -m statistic --mode nth --every 3 --packet 0 -j DNAT --to-destination 10.0.0.1:80",
    ],
    ["-A C -m comment --comment campus:t1 -j DROP", '-A C -m comment --comment "campus:t1" -j DROP'],
    ["-A C -s 10.0.0.1 -j DROP", "-A C -s 10.0.0.1/32 -j DROP"],
    ["-A w1 -s ! 02:01:0a:0d:0d:0b -j DROP", "-A w1 -s ! 02:01:0a:0d:0d:0b -j DROP"],
  ])("%s is what is saved as %s", (written, printed) => {
    expect(canonicalRule(written)).toBe(canonicalRule(printed));
  });

  test.each([
    ["-A C -s 10.0.0.1 -j DROP", "-A C ! -s 10.0.0.1 -j DROP"],
    ["-A C -p tcp --dport 80 -j DROP", "-A C -p tcp --sport 80 -j DROP"],
    ["-A C -i a -o b -j ACCEPT", "-A C -i b -o a -j ACCEPT"],
    ["-A C -s 10.0.0.0/24 -j ACCEPT", "-A C -s 10.0.0.0/25 -j ACCEPT"],
    ["-A C -j ACCEPT", "-A C -j DROP"],
  ])("%s is not %s", (one, other) => {
    expect(canonicalRule(one)).not.toBe(canonicalRule(other));
  });

  test("are read with their policies, without counters, and kept as printed to delete them by", () => {
    const { filter } = parseTables(
      "*filter\n:INPUT DROP [5:60]\n:own - [0:0]\n-A INPUT -s 10.0.0.1/32 -j own -c 3 4\nCOMMIT\n",
    );
    expect(filter?.chains).toEqual({ INPUT: "DROP", own: "-" });
    expect(filter?.printed).toEqual(["-A INPUT -s 10.0.0.1/32 -j own"]);
  });
});

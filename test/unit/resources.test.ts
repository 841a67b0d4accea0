import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import type { ContainerSummary, HostFacts, LinkFact, NamespaceFacts } from "../../src/facts/facts.ts";
import { parseLook } from "../../src/facts/parse.ts";
import { parseTables } from "../../src/facts/rules.ts";
import { lookScript } from "../../src/facts/script.ts";
import { type GuardState, guardChain, guardState } from "../../src/resources/guard-chain.ts";
import { container, type ContainerState } from "../../src/resources/container.ts";
import { byKey, kindOf, observe } from "../../src/resources/index.ts";
import { readLink } from "../../src/resources/link.ts";
import { chainOf, groupOf } from "../../src/resources/marks.ts";
import { isPort, port, type PortState } from "../../src/resources/port.ts";
import { type Change, keyOf, type Resource } from "../../src/resources/resource.ts";
import { FLEET, pass, scenario, T2 } from "./scenario.ts";

/** One look at a hypervisor of the lab, as it was printed, and its containers. */
const captured = (): [string, ContainerSummary[]] => [
  readFileSync("test/fixtures/look-hv1.txt", "utf8"),
  JSON.parse(readFileSync("test/fixtures/look-hv1.containers.json", "utf8")) as ContainerSummary[],
];

describe("settings", () => {
  test("let a tenant's other service addresses stay when the first of them goes", () => {
    const on = scenario();
    pass(on);
    const settings = on.observed.find(({ kind }) => kind === "sysctls")?.state;
    for (const which of ["all", "default"])
      expect(settings).toMatchObject({ values: { [`ipv4/conf/${which}/promote_secondaries`]: "1" } });
  });

  test("that are written are all looked at", () => {
    const on = scenario();
    pass(on);
    const script = lookScript({ fleet: FLEET, nonce: "n", draining: [] });
    for (const { kind, state } of on.observed) {
      if (kind !== "sysctls") continue;
      for (const path of Object.keys((state as { values: object }).values))
        expect(script).toMatch(
          new RegExp(
            `\\b${path
              .split("/")
              .at(-1)
              ?.replace(/-iptables|-ip6tables|-arptables/, "-\\*")}`,
          ),
        );
    }
  });
});

test("a balancer that is not wanted here any more is emptied", () => {
  const on = scenario();
  pass(on);
  const nat = on.observed.find(({ kind }) => kind === "nat");
  if (!nat) throw new Error("no balancer");
  const context = { place: nat, name: nat.name, desired: undefined, observed: nat.state, fleet: FLEET };
  const change = kindOf("nat").change(context);
  expect(change).toMatchObject({
    verb: "remove",
    operations: [{ tool: "iptables", namespace: "campus.t2" }],
  });
  expect(change?.operations.flatMap((one) => ("lines" in one ? one.lines : []))).toContain(
    ":PREROUTING ACCEPT [0:0]",
  );
});

describe("the guard of an uplink on a bridge", () => {
  const peers = new Map<number, never[]>();
  const state = guardState(FLEET, T2, peers, "eku12345678" as never);
  const printed = Object.values(state.written ?? {}).flat();
  const facts = (forward: boolean) => {
    const jump = forward ? [`-A FORWARD -j ${chainOf(FLEET)}`] : [];
    const rules = [`-A INPUT -j ${chainOf(FLEET)}`, ...jump, ...printed];
    const saved = `*filter\n:INPUT ACCEPT [0:0]\n:${chainOf(FLEET)} - [0:0]\n${rules.join("\n")}\nCOMMIT\n`;
    return { hypervisor: "hv1", own: { ipv4: parseTables(saved) } } as never;
  };
  const change = (desired: GuardState | undefined, forward: boolean) => {
    const [observed] = [...guardChain.observe(facts(forward), FLEET)];
    const place = { hypervisor: "hv1" as never, tenant: T2 };
    return guardChain.change({ place, name: "", desired, observed: observed?.state, fleet: FLEET });
  };

  test("stands for a tenant that has no segment elsewhere, and is not written twice", () => {
    expect(printed).toHaveLength(2);
    expect(change(state, true)).toBeUndefined();
  });

  test("gets its jump back", () => {
    expect(change(state, false)?.operations).toEqual([
      expect.objectContaining({ tool: "host-chain" }),
      expect.objectContaining({ tool: "host-chain", lines: [chainOf(FLEET), "FORWARD"] }),
    ]);
  });

  test("goes with its tenant, rule by rule", () => {
    const lines = change(undefined, true)?.operations.flatMap((one) => ("lines" in one ? one.lines : []));
    expect(lines?.filter((line) => line.startsWith("-D"))).toHaveLength(2);
  });
});

describe("a container whose sandbox is not found", () => {
  const [look, containers] = captured();
  const blind = look.replace(/(#>n0nce sandboxes\n)[\s\S]*?(\n#>n0nce end)/, "$1\n#>n0nce interfaces\n$2");
  const ports = (output: string, state = "running"): Resource<PortState>[] => {
    const summaries = containers.map((one) => ({ ...one, state }));
    const options = { nonce: "n0nce", containers: summaries, fleet: "campus" as never, ours: () => true };
    return observe(parseLook("hv1" as never, output, options), FLEET).filter(isPort);
  };
  const whole = new Map(ports(look).map((one) => [one.name, one.state]));
  const changes = (found: readonly Resource<PortState>[]): (Change | undefined)[] =>
    found.map(({ name, state, ...place }) =>
      port.change({ place, name, desired: whole.get(name), observed: state, fleet: FLEET }),
    );

  test.each(["running", "paused"])("has ports that are not made again while it is %s", (state) => {
    expect(blind).not.toBe(look);
    const found = ports(blind, state);
    expect(found.length).toBeGreaterThan(0);
    expect(found.map((one) => one.state.inside)).toEqual(found.map(() => undefined));
    expect(changes(found).filter(Boolean)).toEqual([]);
  });

  test("has none when it has ended: they are made again when it is started", () => {
    expect(new Set(changes(ports(blind, "exited")).map((change) => change?.verb))).toEqual(
      new Set(["replace"]),
    );
  });

  test("still has its bridge told of it", () => {
    const [first] = ports(blind);
    if (!first) throw new Error("no port");
    const [change] = changes([{ ...first, state: { ...first.state, entry: false } }]);
    expect(change).toMatchObject({ verb: "change", reason: "the bridge does not know it" });
  });
});

describe("a container that was paused", () => {
  const [, [summary]] = captured();
  if (!summary) throw new Error("no container");
  const facts = { hypervisor: "hv1", containers: [{ ...summary, state: "paused" }] } as never;
  const [observed] = [...container.observe(facts, FLEET)] as Resource<ContainerState>[];
  if (!observed) throw new Error("not ours");
  const change = (desired: Partial<ContainerState>): Change | undefined =>
    container.change({
      place: observed,
      name: observed.name,
      desired: { name: observed.name, mark: observed.state.mark, running: true, ...desired },
      observed: observed.state,
      fleet: FLEET,
    });

  test("goes on, with the same id", () => {
    expect(change({})).toEqual({
      verb: "change",
      reason: "it was paused",
      disruption: "none",
      operations: [{ phase: "start", tool: "unpause", lines: [summary.id] }],
    });
  });

  test("goes on before it is told to end, which it would not hear", () => {
    expect(change({ signal: "SIGTERM" })?.operations).toEqual([
      { phase: "stop", tool: "unpause", lines: [summary.id] },
      { phase: "stop", tool: "signal", lines: [`SIGTERM ${summary.id}`] },
    ]);
  });

  test("is left alone once it has been told to end", () => {
    expect(change({ running: false })).toBeUndefined();
  });
});

describe("a link in a tenant's namespace", () => {
  const [look, containers] = captured();
  const changesOf = (edit: (facts: HostFacts) => HostFacts): { reason: string; lines: string[] }[] => {
    const facts = parseLook("hv1" as never, look, {
      nonce: "n0nce",
      containers,
      fleet: "campus" as never,
      ours: () => true,
    });
    const wanted = byKey(observe(facts, FLEET));
    return observe(edit(facts), FLEET).flatMap((one) => {
      const context = { place: one, name: one.name, fleet: FLEET };
      const [desired, observed] = [wanted.get(keyOf(one))?.state, one.state];
      const change = kindOf(one.kind).change({ ...context, desired, observed });
      const lines = change?.operations.flatMap((operation) => ("lines" in operation ? operation.lines : []));
      return change ? [{ reason: change.reason, lines: lines ?? [] }] : [];
    });
  };
  const inT1 =
    (edit: (facts: NamespaceFacts) => Partial<NamespaceFacts>) =>
    (facts: HostFacts): HostFacts => ({
      ...facts,
      namespaces: new Map(
        [...facts.namespaces].map(([name, one]) => [
          name,
          name === "campus.t1" ? { ...one, ...edit(one) } : one,
        ]),
      ),
    });
  const link = (name: string, change: Partial<LinkFact>) =>
    inT1(({ links }) => ({ links: links.map((one) => (one.name === name ? { ...one, ...change } : one)) }));

  test("that is as it was is left alone", () => {
    expect(changesOf((facts) => facts)).toEqual([]);
  });

  test.each(["br-web", "vx-web", "up0", "w7wdz59y6"])("is still ours with another group: %s", (name) => {
    expect(changesOf(link(name, { group: "default" }))).toEqual([
      {
        reason: "group is default, must be the fleet's",
        lines: [`link set ${name} group ${groupOf(FLEET)}`],
      },
    ]);
  });

  test.each(["br-web", "mgmt", "up0"])("is no port of anything: %s", (name) => {
    expect(changesOf(link(name, { master: "vrf0" }))).toEqual([
      { reason: "port of vrf0", lines: [`link set ${name} nomaster`] },
    ]);
  });

  test.each([
    ["br-web", "10.13.13.0/24", "10.13.13.1"],
    ["mgmt", "192.168.252.0/24", "192.168.252.1"],
    ["up0", "198.18.100.0/24", "198.18.100.12"],
  ])("gets the route to its network back: %s", (name, network, address) => {
    const gone = inT1(({ routes }) => ({
      routes: routes.filter(({ destination }) => destination !== network),
    }));
    expect(changesOf(gone)).toEqual([
      {
        reason: `no route to ${network}`,
        lines: [`route replace ${network} dev ${name} proto kernel scope link src ${address}`],
      },
    ]);
  });

  test.each([
    ["vx-web", 3, /^carries id \d+ from 198\.18\.0\.11 by edge, must be \d+ from 198\.18\.0\.11 by eth0$/],
    ["up0", 2, /^hangs on eth0, must hang on edge$/],
  ])("that hangs on another device is replaced: %s", (name, below, reason) => {
    const [change, ...others] = changesOf(link(name, { below }));
    expect(change?.reason).toMatch(reason);
    expect(change?.lines[0]).toBe(`link del ${name}`);
    expect(others).toEqual([]); // forwarding is the diff's to know
  });

  test.each(["vx-web", "up0"])("of which nobody knows what it hangs on is left alone: %s", (name) => {
    expect(changesOf(link(name, { below: undefined }))).toEqual([]);
    expect(changesOf(link(name, { below: 77 }))).toEqual([]);
  });

  test("is left alone where a macvlan of the hypervisor's own may be what it hangs on", () => {
    const withOwn = (facts: HostFacts): HostFacts => {
      const [first] = facts.own.links;
      const links = first ? [...facts.own.links, { ...first, type: "macvlan", name: "shim", index: 9 }] : [];
      return { ...link("up0", { below: 2 })(facts), own: { ...facts.own, links } };
    };
    expect(changesOf(withOwn)).toEqual([]);
  });

  test("that is down gets its route by coming up, and one address alone has none", () => {
    const links = [
      { ...({} as LinkFact), name: "br-web", up: false, addresses: ["10.13.13.1/24" as never] },
      { ...({} as LinkFact), name: "up0", up: true, addresses: ["198.18.100.10/32" as never] },
    ];
    expect(links.flatMap((one) => Object.keys(readLink(one).unrouted ?? {}))).toEqual([]);
  });

  test("of several addresses in one network has one route, from the first", () => {
    const addresses = ["198.18.100.10/24", "198.18.100.11/24", "10.0.0.1/8"] as never[];
    expect(readLink({ ...({} as LinkFact), name: "up0", up: true, addresses }).unrouted).toEqual({
      "198.18.100.10/24": "198.18.100.0/24",
      "10.0.0.1/8": "10.0.0.0/8",
    });
  });
});

describe("tables of a tenant's namespace in which nothing belongs", () => {
  const rules = (kind: string, hypervisor: string, edit: (state: never) => object) => {
    const on = scenario();
    pass(on);
    on.observed = on.observed.map((one) =>
      one.kind === kind && one.hypervisor === (hypervisor as never)
        ? { ...one, state: { ...(one.state as object), ...edit(one.state as never) } }
        : one,
    );
    const plan = pass(on).map(({ reason, operations }) => ({ reason, operations }));
    expect(pass(on)).toEqual([]);
    return plan;
  };
  const table = (...lines: string[]) => parseTables(`*x\n${lines.join("\n")}\nCOMMIT\n`)["x"];

  test.each([
    ["ipv4", "raw", "hv1", "iptables", "raw: 1 rule not ours"],
    ["ipv4", "security", "hv1", "iptables", "security: 1 rule not ours"],
    ["ipv4", "mangle", "hv2", "iptables", "mangle: 1 rule not ours"],
    ["ipv6", "nat", "hv1", "ip6tables", "IPv6 nat: 1 rule not ours"],
    ["ipv6", "mangle", "hv2", "ip6tables", "IPv6 mangle: 1 rule not ours"],
    ["ipv6", "raw", "hv2", "ip6tables", "IPv6 raw: 1 rule not ours"],
  ])("%s %s on %s is emptied", (family, name, hypervisor, tool, reason) => {
    const plan = rules("filter", hypervisor, (state: Record<string, object>) => ({
      [family]: { ...state[family], [name]: table(":OUTPUT ACCEPT [0:0]", "-A OUTPUT -j DROP") },
    }));
    expect(plan).toEqual([{ reason, operations: [expect.objectContaining({ tool })] }]);
    const [operation] = plan[0]?.operations ?? [];
    const lines = operation && "lines" in operation ? operation.lines : [];
    expect([lines[0], lines.at(-1)]).toEqual([`*${name}`, "COMMIT"]);
    expect(lines.filter((line) => !/^([*]|COMMIT|:\S+ ACCEPT )/.test(line))).toEqual([]);
  });

  test("that stand there empty are as good as none", () => {
    const empty = table(":PREROUTING ACCEPT [1:40]", ":OUTPUT ACCEPT [0:0]");
    const plan = rules("filter", "hv1", (state: { ipv4: object; ipv6: object }) => ({
      ipv4: { ...state.ipv4, raw: empty },
      ipv6: { ...state.ipv6, nat: empty },
    }));
    expect(plan).toEqual([]);
  });

  test("of ebtables are emptied, and nat is left as it is", () => {
    const plan = rules("port-rules", "hv2", () => ({ foreign: ["filter"] }));
    expect(plan).toEqual([
      {
        reason: "filter: something that is not ours",
        operations: [
          expect.objectContaining({
            tool: "ebtables",
            lines: ["*filter", ":INPUT ACCEPT", ":FORWARD ACCEPT", ":OUTPUT ACCEPT"],
          }),
        ],
      },
    ]);
  });

  test("of ebtables are seen where there is no nat at all, too", () => {
    const bridge = parseTables("*filter\n:FORWARD ACCEPT\n-A FORWARD -j DROP\n");
    const facts = { hypervisor: "hv1", namespaces: new Map([["campus.t2", { bridge }]]) } as never;
    expect([...kindOf("port-rules").observe(facts, FLEET)]).toMatchObject([
      { state: { foreign: ["filter"] } },
    ]);
  });
});

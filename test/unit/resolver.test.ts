import { describe, expect, test } from "@jest/globals";
import type { Cidr } from "../../src/api/addresses.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { isResolver, type ResolverState } from "../../src/resources/resolver.ts";
import {
  alter,
  FLEET,
  pass,
  type Scenario,
  scenario,
  serving,
  short,
  subnet,
  T2,
  tenant,
} from "./scenario.ts";

const DB = { cidr: "10.13.14.0/24" as Cidr };
const KEY = "resolver/hv1/t2/t2";

const seen = (on: Scenario): ResolverState | undefined => on.observed.find(isResolver)?.state;
const changes = (on: Scenario) =>
  pass(on).flatMap((entry) => (entry.kind === "resolver" ? [[short(entry), entry.reason] as const] : []));
const tools = (on: Scenario): string[] =>
  on.rounds
    .flat()
    .flatMap(({ kind, operations }) => (kind === "resolver" ? operations.map(({ tool }) => tool) : []));

/** With a service, without one, and without DHCP. */
const three = (): Scenario =>
  scenario({
    subnets: [
      subnet("web", 2, { service: serving() }),
      subnet("db", 2, DB),
      subnet("quiet", 1, { cidr: "10.13.15.0/24" as Cidr, dhcp: false }),
    ],
  });

describe("names", () => {
  test("are those of replicas, then of subnets: a service's address, else every replica that serves", () => {
    const on = three();
    pass(on);
    expect(seen(on)?.hosts).toEqual([
      "10.13.14.2 db-1.db.t2.internal",
      "10.13.14.3 db-2.db.t2.internal",
      "10.13.15.2 quiet-1.quiet.t2.internal",
      "10.13.13.2 web-1.web.t2.internal",
      "10.13.13.3 web-2.web.t2.internal",
      "10.13.14.2 db.t2.internal",
      "10.13.14.3 db.t2.internal",
      "10.13.15.2 quiet.t2.internal",
      "198.18.100.10 web.t2.internal",
    ]);
  });

  test("a replica has none for its subnet before it serves", () => {
    const on = three();
    on.mute = [2];
    pass(on);
    expect(seen(on)?.hosts.filter((line) => line.startsWith("10.13.14."))).toEqual([
      "10.13.14.2 db-1.db.t2.internal",
      "10.13.14.3 db-2.db.t2.internal",
      "10.13.14.2 db.t2.internal",
    ]);
  });

  test("one that drains has none", () => {
    const on = three();
    pass(on);
    on.subnets = [subnet("web", 1, { service: serving() }), subnet("db", 1, DB)];
    const named: (readonly string[])[] = [];
    pass(on, new Set(["quiet"] as never[]), (replicas) => {
      const drains = replicas.filter(({ phase }) => phase === "draining");
      if (drains.length > 0) named.push(drains.map(({ address }) => address));
    });
    const round = on.rounds.findIndex((entries) => entries.some(({ kind }) => kind === "resolver"));
    const [told] = on.rounds[round]?.filter(({ kind }) => kind === "resolver") ?? [];
    const { hosts, leases } = (told?.after?.state ?? {}) as Partial<ResolverState>;
    expect(named[0]).toEqual(["10.13.13.3", "10.13.14.3", "10.13.15.2"]);
    for (const address of named[0] ?? []) expect(hosts?.join("\n")).not.toContain(`${address} `);
    // It keeps its address as long as it stands.
    expect(leases).toContain("02:01:0a:0d:0d:03,web-2,10.13.13.3");
    expect(seen(on)?.leases).toEqual([
      "02:01:0a:0d:0e:02,db-1,10.13.14.2",
      "02:01:0a:0d:0d:02,web-1,10.13.13.2",
    ]);
  });

  test("of two in one slot it is the one that serves that has it", () => {
    const on = three();
    pass(on);
    const image = { ...on.subnets[0]?.spec.workload, image: "evenkeel/web:2" } as never;
    on.subnets[0] = subnet("web", 2, { service: serving(), workload: image });
    pass(on, new Set(), (replicas) => {
      const hosts = on.observed.find(isResolver)?.state.hosts ?? [];
      for (const { phase, ordinal, subnet: of, address } of replicas)
        if (
          phase === "starting" &&
          replicas.some((one) => one.subnet === of && one.ordinal === ordinal && one.phase === "serving")
        )
          expect(hosts).not.toContain(`${address} ${of}-${ordinal}.${of}.t2.internal`);
    });
    expect(seen(on)?.hosts.filter((line) => line.includes("web-"))).toEqual([
      "10.13.13.4 web-1.web.t2.internal",
      "10.13.13.5 web-2.web.t2.internal",
    ]);
  });

  test("of a subnet without a service show who serves, when the ledger is lost", () => {
    const on = three();
    pass(on);
    on.fleet = emptyMemory(FLEET);
    expect(pass(on).map(short)).toEqual([]);
  });
});

describe("a resolver", () => {
  const command = (on: Scenario): string => {
    pass(on);
    return seen(on)?.command.join("\n") ?? "";
  };

  test("gives addresses where the subnet wants it, to whom they belong, and to nobody else", () => {
    const on = three();
    const words = command(on);
    expect(words.match(/--dhcp-range=\S+/g)).toEqual([
      "--dhcp-range=set:subnet-db,10.13.14.0,static,255.255.255.0,10m",
      "--dhcp-range=set:subnet-web,10.13.13.0,static,255.255.255.0,10m",
    ]);
    expect(words).toContain("--dhcp-ignore=tag:!known");
    expect(words).toContain("--dhcp-option=option:mtu,1450");
    expect(seen(on)?.leases).not.toContainEqual(expect.stringContaining("10.13.15."));
  });

  test("answers on the subnets' own bridges alone", () => {
    expect(command(three()).match(/^--(interface|except-interface|bind|listen).*$/gm)).toEqual([
      "--interface=br-*",
      "--except-interface=lo",
      "--bind-dynamic",
    ]);
  });

  test("asks nobody else, unless the tenant may go out", () => {
    expect(command(three())).toContain("--no-resolv\n--local=/#/");
    const words = command({ ...three(), tenant: tenant({ egress: "snat" }) });
    expect(words).not.toContain("--no-resolv");
    expect(words).toContain("--local=/internal/");
  });

  test("has a subnet's name in no tag of dnsmasq's own", () => {
    const on = scenario({ subnets: [subnet("known", 1)] });
    expect(command(on)).not.toMatch(/tag:known\b|set:known\b/);
  });

  test("stands at home alone, and only where there is a subnet", () => {
    const on = three();
    pass(on);
    expect(on.observed.filter(isResolver).map(({ hypervisor }) => hypervisor)).toEqual(["hv1"]);
    const empty = scenario({ subnets: [] });
    pass(empty);
    expect(seen(empty)).toBeUndefined();
  });

  test("goes with its tenant, whose namespace does not take its files along", () => {
    const on = three();
    pass(on);
    on.tenant = undefined;
    const removed = pass(on, "everything").find(({ kind }) => kind === "resolver");
    expect([removed?.verb, removed?.operations.map(({ tool }) => tool)]).toEqual([
      "remove",
      ["resolver-stop"],
    ]);
  });

  test.each<[string, Partial<ResolverState>, string, string[]]>([
    ["one that was killed is started", { command: [], isTold: false }, "it does not run", ["resolver-start"]],
    [
      "one that could not be started is started again, and says why",
      { command: [], isTold: false, failure: "dnsmasq: port taken" },
      "it does not run: dnsmasq: port taken",
      ["resolver-start"],
    ],
    [
      "one that runs with other settings is started anew",
      { command: ["--port=5353"] },
      "it runs with other settings: 28 missing, 1 too many",
      ["resolver-start"],
    ],
    [
      "one in a namespace that lost its name is ended first, with all that is there",
      { isAstray: true },
      "it runs in a namespace that has lost its name",
      ["resolver-stop", "resolver-start"],
    ],
    [
      "names edited by hand are written again",
      { hosts: ["10.13.13.9 x"] },
      "names: 9 missing, 1 too many",
      ["resolver-tell"],
    ],
    ["so are leases", { leases: [] }, "leases: 4 missing", ["resolver-tell"]],
    ["one that was not told is told", { isTold: false }, "it was not told of its files", ["resolver-tell"]],
  ])("%s", (_, state, reason, expected) => {
    const on = three();
    pass(on);
    alter(on, KEY, state);
    expect(changes(on)).toEqual([["~ resolver t2@hv1", reason]]);
    expect(tools(on)).toEqual(expected);
  });

  test("is told, not started again, when replicas come and go", () => {
    const on = three();
    pass(on);
    on.subnets[0] = subnet("web", 3, { service: serving() });
    pass(on);
    on.subnets[0] = subnet("web", 1, { service: serving() });
    pass(on);
    expect(new Set(tools(on))).toEqual(new Set(["resolver-tell"]));
    on.subnets[1] = subnet("db", 2, { ...DB, dhcp: false });
    pass(on);
    expect(tools(on)).toEqual(["resolver-start"]);
  });

  test("makes no replica another one: what stands asks whom it was told to ask", () => {
    const on = three();
    pass(on);
    const [container] = on.rounds
      .flat()
      .flatMap(({ operations }) => operations.flatMap((one) => (one.tool === "engine" ? [one.request] : [])));
    expect([container?.resolver, container?.searchDomains]).toEqual([
      "10.13.14.1",
      ["db.t2.internal", "t2.internal"],
    ]);
    expect(on.fleet.tenants[T2]?.replicas[0]?.specHash).toMatch(/^1:/);
    on.observed = on.observed.filter((one) => !isResolver(one));
    expect(pass(on).map(short)).toEqual(["+ resolver t2@hv1"]);
  });
});

import { describe, expect, test } from "@jest/globals";
import { addressAt, type Cidr } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import type { ContainerSummary, HostFacts, LinkFact, NamespaceFacts } from "../../src/facts/facts.ts";
import { guardNames } from "../../src/plan/guard.ts";
import { observe } from "../../src/resources/index.ts";
import {
  chainOf,
  containerName,
  groupOf,
  labelsOf,
  linkNames,
  type ReplicaMark,
} from "../../src/resources/marks.ts";
import { NOTHING } from "./facts-values.ts";
import { FLEET, pass, scenario, T2 } from "./scenario.ts";

const MARK: ReplicaMark = {
  tenant: T2,
  subnet: trusted("web"),
  ordinal: 1,
  incarnation: trusted("aaaaaaaa"),
  address: addressAt("10.13.13.0/24" as Cidr, 2),
  managementAddress: addressAt("192.168.252.0/24" as Cidr, 2),
  specHash: "1:0",
};
const OURS: ContainerSummary = {
  id: "c1",
  name: containerName(FLEET, MARK),
  image: "",
  imageId: "",
  state: "running",
  labels: labelsOf(FLEET, MARK),
};
const OTHER = trusted<typeof FLEET>("other");

const facts = (change: Partial<HostFacts>): HostFacts => ({
  hypervisor: trusted("hv1"),
  bootId: "",
  own: NOTHING,
  namespaces: new Map(),
  containers: [],
  resolvers: new Map(),
  collectors: new Map(),
  domains: [],
  sandboxes: new Map(),
  fence: undefined,
  ...change,
});
const namespace = (name: string, links: LinkFact[] = []): [string, NamespaceFacts] => [
  name,
  { ...NOTHING, name, links, connections: undefined, unclosed: undefined },
];
const observed = (change: Partial<HostFacts>): string[] =>
  observe(facts(change), FLEET).map(({ kind, name }) => `${kind} ${name}`);

describe("what is ours", () => {
  test("is a container with our labels and the name that belongs to them", () => {
    expect(observed({ containers: [OURS] })).toEqual([`container ${OURS.name}`]);
  });

  test.each<[string, ContainerSummary]>([
    ["of another fleet", { ...OURS, name: containerName(OTHER, MARK), labels: labelsOf(OTHER, MARK) }],
    ["with another fleet's labels under a name of ours", { ...OURS, labels: labelsOf(OTHER, MARK) }],
    ["made from an image that inherited our labels", { ...OURS, name: "somebody-elses" }],
    ["with a name like ours, and no labels", { ...OURS, labels: {} }],
  ])("is no container %s", (_, container) => {
    expect(observed({ containers: [container] })).toEqual([]);
  });

  test("is no namespace of another fleet, or of none", () => {
    const namespaces = new Map(["other.t2", "campus.t2.x", "t2", "campus.t2"].map((name) => namespace(name)));
    expect(observed({ namespaces })).toEqual(["netns t2", "sysctls t2"]);
  });

  test("are no rules in our chain that say to be another fleet's", () => {
    const chain = chainOf(FLEET);
    const rule = (owner: string): string =>
      `-A ${chain} -p udp -m udp --dport 4789 -m u32 --u32 "0x0>>0x16&0x3c@0xc>>0x8=0x3e9" -m comment --comment ${owner} -j DROP`;
    const own = (owner: string) => ({
      ...NOTHING,
      ipv4: { filter: { chains: { [chain]: "-" }, rules: [`-A INPUT -j ${chain}`, rule(owner)] } },
    });
    expect(observed({ own: own("campus:t2") })).toEqual([`guard ${chain}`]);
    expect(observed({ own: own("other:t2") })).toEqual([]);
  });
});

describe("what somebody else has taken", () => {
  const HV1 = trusted<HostFacts["hypervisor"]>("hv1");
  const link = (change: object): LinkFact =>
    ({ name: "x", type: "dummy", group: "0", flags: {}, addresses: [], ...change }) as unknown as LinkFact;
  const DEVICES = [link({ name: "eth0" }), link({ name: "edge" })];
  const plan = (change: Partial<HostFacts>) => {
    const entries = pass(scenario()).filter(({ hypervisor }) => hypervisor === HV1);
    const seen = new Map([[HV1, facts({ own: { ...NOTHING, links: DEVICES }, ...change })]]);
    const guarded = guardNames(entries, seen, FLEET);
    return { kinds: guarded.entries.map(({ kind }) => kind), notes: guarded.notes };
  };
  const vxlan = [link({ name: "vx9", vxlan: { id: 1001 } })];

  test("leaves nothing to be said where it is nothing of what we need", () => {
    expect(plan({}).notes).toEqual([]);
  });

  test.each([
    [
      "another fleet's namespace",
      { namespaces: new Map([namespace("other.t2", vxlan)]) },
      "namespace other.t2",
    ],
    ["the hypervisor's own", { own: { ...NOTHING, links: [...DEVICES, ...vxlan] } }, "held by vx9"],
  ])("a VXLAN id in %s, is left to its holder, who is named", (_, change, holder) => {
    const { notes } = plan(change);
    expect(notes).toContainEqual(
      expect.objectContaining({ reason: "NameTaken", message: expect.stringContaining(holder) }),
    );
  });

  test("a link's name is left to its holder, unless that is ours", () => {
    const on = scenario();
    const name = linkNames.uplinkPort("campus.t2");
    const entries = pass(on).filter(({ kind, hypervisor }) => kind === "uplink" && hypervisor === HV1);
    const create = {
      phase: "create",
      tool: "ip",
      lines: [`link add name ${name} mtu 1500 group 7 type veth peer name up0 mtu 1500`],
    } as const;
    const onBridge = entries.map((entry) => ({ ...entry, operations: [create] }));
    const held = (group: string) => {
      const own = { ...NOTHING, links: [...DEVICES, link({ name, group })] };
      return guardNames(onBridge, new Map([[HV1, facts({ own })]]), FLEET);
    };
    expect(held("0").entries).toEqual([]);
    expect(held("0").notes).toMatchObject([{ reason: "NameTaken" }]);
    expect(held(String(groupOf(FLEET))).entries).toEqual(onBridge);
  });
});

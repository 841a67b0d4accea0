import { describe, expect, test } from "@jest/globals";
import { parseDomains } from "../../src/facts/domains.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { visibilityOf } from "../../src/facts/visibility.ts";
import { domainXml } from "../../src/hosts/domain-xml.ts";
import { seedFiles } from "../../src/hosts/seed.ts";
import { observe } from "../../src/resources/index.ts";
import type { DomainRequest } from "../../src/resources/operation.ts";
import { NOTHING } from "./facts-values.ts";
import {
  FLEET,
  hypervisor,
  pass,
  replicas,
  type Scenario,
  scenario,
  serving,
  short,
  subnet,
} from "./scenario.ts";

const WEB = subnet("web", 1, {
  service: serving(),
  workload: {
    ...subnet("web", 1).spec.workload,
    runtime: "libvirt",
    image: "web.qcow2",
    kernel: { image: "vmlinuz", arguments: "console=ttyS0" },
  },
});

const withMachines = (change: Partial<Scenario> = {}): Scenario =>
  scenario({
    subnets: [WEB],
    hypervisors: ["hv1", "hv2"].map((name, index) => {
      const plain = hypervisor(name, `198.18.0.1${index + 1}`);
      return { ...plain, spec: { ...plain.spec, runtimes: ["docker", "libvirt"] } };
    }),
    ...change,
  });

/** The request that a plan defines a machine by. */
function requestOf(on: Scenario): DomainRequest {
  for (const { operations } of pass(on))
    for (const operation of operations) if (operation.tool === "domain-start") return operation.request;
  throw new Error("nothing is started");
}

/** What virsh prints of a machine, as far as it is read. */
const printed = (request: DomainRequest, state = "running"): string => {
  const files = { images: "/images", own: "/own" };
  return ` 3    ${request.name}   ${state}\n -    somebody-elses   shut off\n\n${domainXml(request, files)}`;
};

describe("a virtual machine", () => {
  test("is started frozen, linked, and only then goes on", () => {
    const on = withMachines();
    const entries = pass(on);
    const phases = entries
      .filter(({ kind }) => kind === "domain")
      .flatMap(({ operations }) => operations.map(({ phase, tool }) => `${phase} ${tool}`));
    expect(phases).toEqual(["start domain-start", "resume domain"]);
    const port = entries.find(({ kind, name }) => kind === "port" && name.startsWith("w"));
    expect(port?.operations.map(({ phase }) => phase)).toEqual(["plug", "attach", "admit", "raise"]);
    expect(replicas(on.observed)).toEqual(["web-1@hv1"]);
  });

  test("goes nowhere where no hypervisor runs such a thing", () => {
    const on = scenario({ subnets: [WEB] });
    pass(on);
    expect(on.notes.map(({ message }) => message)).toEqual([
      "hv1: it does not run virtual machines; hv2: it does not run virtual machines",
    ]);
  });

  test("is drained, told to end by its power button, and removed with its ports", () => {
    const on = withMachines();
    pass(on);
    const entries = pass(on, "everything");
    const lines = entries.flatMap(({ kind, operations }) =>
      kind === "domain"
        ? operations.flatMap((one) =>
            one.tool === "domain" ? one.lines.map((line) => line.split(" ")[0]) : [],
          )
        : [],
    );
    expect(lines).toEqual(["shutdown", "remove"]);
    expect(on.observed).toEqual([]);
  });

  test("with another image, and so of another specification, is rolled", () => {
    const on = withMachines();
    pass(on);
    on.subnets = [{ ...WEB, spec: { ...WEB.spec, workload: { ...WEB.spec.workload, image: "web2.qcow2" } } }];
    const steps = pass(on)
      .map(short)
      .filter((line) => line.includes("domain"));
    expect(steps).toEqual(["+ domain web-1@hv1", "~ domain web-1@hv1", "- domain web-1@hv1"]);
  });

  test("gives way to a container when its subnet changes what runs it, and never are both gone", () => {
    const on = withMachines();
    pass(on);
    on.subnets = [subnet("web", 1, { service: serving() })];
    const steps = pass(on)
      .map(short)
      .filter((line) => /domain|container/.test(line));
    expect(steps).toEqual(["+ container web-1@hv1", "~ domain web-1@hv1", "- domain web-1@hv1"]);
  });
});

describe("what virsh printed", () => {
  const request = requestOf(withMachines());
  const facts = (change: Partial<HostFacts>): HostFacts => ({
    hypervisor: "hv1" as never,
    bootId: "",
    own: NOTHING,
    namespaces: new Map(),
    containers: [],
    domains: [],
    resolvers: new Map(),
    collectors: new Map(),
    sandboxes: new Map(),
    fence: undefined,
    ...change,
  });

  test("is read back into the replica that it was defined for", () => {
    const domains = parseDomains(printed(request), FLEET);
    expect(domains).toEqual([
      {
        name: request.name,
        uuid: request.uuid,
        state: "running",
        metadata: request.metadata,
        taps: request.interfaces.map(({ tap }) => tap),
        made: {
          nanoCpus: request.nanoCpus,
          memory: request.memory,
          image: undefined,
          kernel: { ...request.kernel, initrd: undefined },
          hasSeed: false,
        },
      },
    ]);
    const [seen] = observe(facts({ domains }), FLEET);
    expect(seen).toMatchObject({ kind: "domain", subnet: "web", state: { running: true, unplugged: true } });
  });

  test("tells what it was defined with: kernel, limits, a seed, and the image when it runs", () => {
    const kernel = { image: "web-vmlinux", initrd: "web-initrd", arguments: "quiet a=b" };
    const xml = printed({ ...request, kernel, nanoCpus: 1_500_000_000, userData: "#cloud-config" }).replace(
      /<source file="\/own\/disk.qcow2"\/>/,
      '$&<backingStore type="file"><format type="qcow2"/><source file="/images/web.qcow2"/></backingStore>',
    );
    expect(parseDomains(xml, FLEET)?.[0]?.made).toEqual({
      nanoCpus: 1_500_000_000,
      memory: request.memory,
      image: "web.qcow2",
      kernel,
      hasSeed: true,
    });
  });

  test("counts in full or not at all", () => {
    expect(parseDomains("", FLEET)).toEqual([]);
    expect(parseDomains("silent\n", FLEET)).toBeUndefined();
    expect(parseDomains(` 3    ${request.name}   running\n`, FLEET)).toBeUndefined();
    expect(visibilityOf(new Map([["hv1" as never, facts({ domains: undefined })]])).libvirt.size).toBe(0);
  });

  test.each([
    ["another UUID, as of somebody else's with that name", { uuid: "00000000-0000-0000-0000-000000000001" }],
    ["another fleet's mark", { metadata: { ...request.metadata, fleet: "other" } }],
    ["no mark", { metadata: {} }],
    ["another name than its mark says", { name: `${request.name}x` }],
  ])("is not ours with %s", (_, change) => {
    const domains = parseDomains(printed({ ...request, ...change }), FLEET);
    expect(domains).toHaveLength(1);
    expect(observe(facts({ domains }), FLEET)).toEqual([]);
  });
});

describe("what libvirt is told", () => {
  const request = requestOf(withMachines());

  test("has the addresses on the kernel's command line, and no text that is not escaped", () => {
    const kernel = { image: "vmlinuz", initrd: undefined, arguments: `a="<&>" quiet` };
    const xml = domainXml({ ...request, kernel }, { images: "/images", own: "/own" });
    expect(xml).toContain(
      "<cmdline>a=&quot;&lt;&amp;&gt;&quot; quiet ip=10.13.13.2::10.13.13.1:255.255.255.0:web-1:eth0:none" +
        " ip=192.168.252.2:::255.255.255.0:web-1:eth1:none</cmdline>",
    );
    expect(xml).toContain("<kernel>/images/vmlinuz</kernel>");
    expect(xml).toContain('<source file="/own/disk.qcow2"/>');
  });

  test.each([
    [100_000_000, 1, 10_000],
    [1_000_000_000, 1, undefined],
    [1_500_000_000, 2, 75_000],
    [2_000_000_000, 2, undefined],
  ])("of %i billionths of a CPU are %i CPUs and a quota of %s", (nanoCpus, count, quota) => {
    const xml = domainXml({ ...request, nanoCpus }, { images: "/images", own: "/own" });
    expect(/<vcpu>(\d+)<\/vcpu>/.exec(xml)?.[1]).toBe(String(count));
    expect(/<quota>(\d+)<\/quota>/.exec(xml)?.[1]).toBe(quota === undefined ? undefined : String(quota));
  });

  test("in a seed are its name, its addresses and the user data as they were written", () => {
    const userData = "#cloud-config\nruncmd: [reboot]\n.EVENKEEL\n$(reboot)\n";
    const { "network-config": network, ...files } = seedFiles({ ...request, userData });
    expect(files).toEqual({
      "user-data": userData,
      "meta-data": `instance-id: ${request.name}\nlocal-hostname: web-1\n`,
    });
    expect(network).toBe(`version: 2
ethernets:
  eth0:
    match: {macaddress: "${request.interfaces[0]?.mac}"}
    set-name: eth0
    mtu: 1450
    addresses: [10.13.13.2/24]
    routes: [{to: default, via: 10.13.13.1}]
  eth1:
    match: {macaddress: "${request.interfaces[1]?.mac}"}
    set-name: eth1
    mtu: 1450
    addresses: [192.168.252.2/24]
`);
  });
});

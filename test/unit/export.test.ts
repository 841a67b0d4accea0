import { rmSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { gatewayAddress } from "../../src/api/subnets.ts";
import type { Subnet } from "../../src/api/kinds.gen.ts";
import type { HypervisorName, Incarnation } from "../../src/api/names.ts";
import { trusted } from "../../src/api/names.ts";
import type { DomainMade } from "../../src/facts/domain-made.ts";
import { shownTenant } from "../../src/manifests/export/shown.ts";
import { manifestsOf } from "../../src/manifests/export/text.ts";
import type { ContainerMade } from "../../src/facts/container-made.ts";
import { workloadOf } from "../../src/manifests/export/workload.ts";
import { load } from "../../src/manifests/load.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { specHashOf } from "../../src/replicas/spec.ts";
import { isBastion } from "../../src/resources/bastion.ts";
import { isWorkload } from "../../src/resources/workload.ts";
import { isContainer } from "../../src/resources/container.ts";
import { VALID, write } from "./manifests-tree.ts";
import { FLEET, hypervisor, pass, type Scenario, scenario, serving, subnet, T2, tenant } from "./scenario.ts";

const trees: string[] = [];
afterEach(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true });
});

/** What Docker would tell of the containers that stand: the image sets PATH by itself. */
function containersOf(on: Scenario): Map<Incarnation, ContainerMade> {
  return new Map(
    on.observed.filter(isContainer).flatMap(({ state: { mark } }) => {
      const workload = on.subnets.find(({ metadata }) => metadata.name === mark.subnet)?.spec.workload;
      if (workload?.image === undefined) return [];
      const written = workload.env.map(({ name, value }) => `${name}=${value}`);
      const own = { command: ["/bin/web"], env: ["PATH=/bin"] };
      const made: ContainerMade = {
        image: workload.image,
        command: workload.command ?? own.command,
        env: [...written, ...own.env.filter((line) => !written.includes(line))],
        nanoCpus: 500_000_000,
        memory: 256 * 2 ** 20,
        ofImage: own,
      };
      return [[mark.incarnation, made] as const];
    }),
  );
}

/** And of the tenant's bastion. */
function bastionOf(on: Scenario): Map<Incarnation, ContainerMade> {
  return new Map(
    on.observed.filter(isBastion).flatMap(({ state: { mark, request } }) => {
      if (!request) return [];
      const { image, command = [], env, nanoCpus, memory } = request;
      const lines = env.map(({ name, value }) => `${name}=${value}`);
      return [
        [mark.incarnation, { image, command, env: lines, nanoCpus, memory, ofImage: undefined }] as const,
      ];
    }),
  );
}

/** What libvirt would tell of the virtual machines that stand. */
function machinesOf(on: Scenario): Map<Incarnation, DomainMade> {
  return new Map(
    on.observed.filter(isWorkload).flatMap(({ kind, state: { mark } }) => {
      const workload = on.subnets.find(({ metadata }) => metadata.name === mark.subnet)?.spec.workload;
      if (kind !== "domain" || workload === undefined) return [];
      const { image, kernel, userData } = workload;
      const made: DomainMade = {
        nanoCpus: 500_000_000,
        memory: 256 * 2 ** 20,
        image,
        kernel: kernel && { ...kernel, initrd: kernel.initrd },
        hasSeed: userData !== undefined,
      };
      return [[mark.incarnation, made] as const];
    }),
  );
}

/** Hypervisors that run virtual machines too. */
const WITH_MACHINES = ["198.18.0.11", "198.18.0.12"].map((address, index) => {
  const plain = hypervisor(`hv${index + 1}`, address);
  return { ...plain, spec: { ...plain.spec, runtimes: ["docker", "libvirt"] as const } };
});

const machine = (workload: Partial<Subnet["spec"]["workload"]>): Subnet => {
  const { image: _, ...plain } = subnet("web", 2).spec.workload;
  return subnet("web", 2, { workload: { ...plain, runtime: "libvirt", ...workload } });
};

/** The manifests that an export of a scenario gives, by file. */
const exported = (on: Scenario, unseen: readonly string[] = []): Map<string, string> => {
  const observed = on.observed.filter((one) => !unseen.includes(one.hypervisor));
  const shown = shownTenant(T2, observed, {
    containers: new Map([...containersOf(on), ...bastionOf(on)]),
    machines: machinesOf(on),
  });
  return manifestsOf(
    shown,
    unseen.map((name) => trusted<HypervisorName>(name)),
  );
};

/** What a controller without a ledger would do to what stands, if these manifests were its tenant's. */
async function changesBy(manifests: ReadonlyMap<string, string>, on: Scenario): Promise<string[]> {
  const hypervisors = ["hv1", "hv2"].map((name) => {
    const file = `provider/${name}.yaml`;
    return [file, VALID[file]?.replace("fleet:", "runtimes: [docker, libvirt]\n  fleet:")];
  });
  const tree = write(Object.fromEntries([...hypervisors, ...manifests]));
  trees.push(tree);
  const { tenants, problems } = await load(tree);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  const found = tenants.get(T2);
  // Also what could not be told from what stands, because that stays as it is while replicas stand.
  expect(found?.tenant?.spec.managementNetwork).toEqual(on.tenant?.spec.managementNetwork);
  for (const { metadata, spec } of on.subnets) {
    const again = found?.subnets.get(metadata.name)?.spec;
    expect(again && [again.cidr, gatewayAddress(again)]).toEqual([spec.cidr, gatewayAddress(spec)]);
  }
  on.tenant = found?.tenant;
  on.subnets = [...(found?.subnets.values() ?? [])];
  on.fleet = emptyMemory(FLEET);
  return pass(on).map(({ verb, kind, name, hypervisor: at }) => `${verb} ${kind} ${name}@${at}`);
}

function converged(change: Partial<Scenario>): Scenario {
  const on = scenario(change);
  while (pass(on).length > 0);
  return on;
}

const BASTION = {
  address: "198.18.100.9" as never,
  port: 2222,
  image: "evenkeel/bastion:1",
  authorizedKeys: ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB"],
};

const many = (spec: Partial<Subnet["spec"]>): Subnet =>
  subnet("a-subnet-with-quite-a-long-name", 60, { ...spec, replicas: { min: 60, max: 60 } });

describe("an export of what stands", () => {
  test.each<[string, Partial<Scenario>]>([
    ["a service and two replicas", {}],
    [
      "a tenant that may go out, on another management network",
      { tenant: tenant({ egress: "snat", managementNetwork: { cidr: "10.99.0.0/24" as never } }) },
    ],
    [
      "a gateway at another address",
      { subnets: [subnet("web", 1, { gatewayAddress: "10.13.13.77" as never })] },
    ],
    [
      "a subnet that stands empty",
      { subnets: [subnet("web", 1), subnet("batch", 0, { cidr: "10.13.14.0/24" as never })] },
    ],
    [
      "more replicas than one chain holds, in a subnet with a long name",
      {
        subnets: [many({ service: serving() })],
        hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: 99 }), hypervisor("hv2", "198.18.0.12")],
        tenant: tenant({ quota: { subnets: 8, replicas: 99 } }),
      },
    ],
    [
      "a service address that is not the lowest",
      { subnets: [subnet("web", 2, { service: serving("198.18.100.11") })] },
    ],
    [
      "a bastion beside a service",
      { tenant: tenant({ bastion: BASTION }), subnets: [subnet("web", 1, { service: serving() })] },
    ],
    [
      "a bastion alone",
      { tenant: tenant({ bastion: BASTION, serviceAddresses: [] }), subnets: [subnet("web", 1)] },
    ],
    [
      "virtual machines on a disk",
      { hypervisors: WITH_MACHINES, subnets: [machine({ image: "web.qcow2" })] },
    ],
    [
      "virtual machines that boot a kernel",
      {
        hypervisors: WITH_MACHINES,
        subnets: [machine({ kernel: { image: "vmlinuz", initrd: "initrd", arguments: "quiet" } })],
      },
    ],
    [
      "a command and variables of its own",
      {
        subnets: [
          subnet("web", 2, {
            workload: {
              ...subnet("x", 1).spec.workload,
              command: ["sh", "-c", 'echo "$A" # no: comment\n'],
              env: [
                { name: "A", value: "- 'b': {c}\n" },
                { name: "PATH", value: "/bin" },
              ],
            },
          }),
        ],
      },
    ],
  ])("leads to no change: %s", async (_, change) => {
    const on = converged(change);
    expect(await changesBy(exported(on), on)).toEqual([]);
  });

  test("names what cannot be seen, and what is to be filled in", () => {
    const on = converged({
      subnets: [subnet("web", 1), subnet("batch", 0, { cidr: "10.13.14.0/24" as never })],
    });
    const batch = exported(on).get("tenants/t2/batch.yaml");
    expect(batch).toMatch(/^# FILL IN spec.workload: no replica stands that shows it\.$/m);
    expect(batch).toMatch(/^# replicas.min and max are as many as stand\. Not to be seen are/m);
    expect(exported(on).get("tenants/t2/web.yaml")).not.toMatch(/FILL IN|CHECK/);
    for (const text of exported(on).values())
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("says which hypervisor was not seen, and that its gateway was not", () => {
    const manifests = exported(
      converged({
        hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: 1 }), hypervisor("hv2", "198.18.0.12")],
      }),
      ["hv1"],
    );
    expect(manifests.get("provider/t2.yaml")).toMatch(/^# NOT SEEN: hv1\./m);
    expect(manifests.get("provider/t2.yaml")).toMatch(/^# FILL IN spec.primary:/m);
    expect(manifests.get("tenants/t2/web.yaml")).toMatch(/^# FILL IN spec.cidr:/m);
  });
});

test("of virtual machines with user data it is said that it is not all", () => {
  const on = converged({
    hypervisors: WITH_MACHINES,
    subnets: [machine({ image: "web.qcow2", userData: "#cloud-config\n" })],
  });
  const web = exported(on).get("tenants/t2/web.yaml");
  expect(web).toMatch(/^# CHECK spec.workload: it is not all of what the replicas were made from;$/m);
  expect(web).toContain("image: web.qcow2");
});

test("what a container was made from is proved by its mark, or is to be checked", () => {
  const { workload } = subnet("web", 1).spec;
  const hash = specHashOf({ workload: { ...workload, command: ["/bin/web"] } });
  const shown: ContainerMade = {
    image: "evenkeel/web:1",
    command: ["/bin/web"],
    env: ["PATH=/bin"],
    nanoCpus: 500_000_000,
    memory: 256 * 2 ** 20,
    ofImage: { command: ["/bin/web"], env: ["PATH=/bin"] },
  };
  // It is the image's own command, and was written all the same: the digest tells.
  expect(workloadOf(shown, hash)).toMatchObject({ command: ["/bin/web"], env: [], isProved: true });
  expect(workloadOf(shown, specHashOf({ workload }))).toMatchObject({ command: undefined, isProved: true });
  expect(workloadOf(shown, "1:000000000000")).toMatchObject({ isProved: false });
  expect(workloadOf({ ...shown, ofImage: undefined }, specHashOf({ workload }))).toMatchObject({
    isProved: false,
  });
});

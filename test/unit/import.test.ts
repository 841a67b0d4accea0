import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { importOldFile, type ImportResult } from "../../src/manifests/import/import.ts";
import { load } from "../../src/manifests/load.ts";
import { writeNewFiles } from "../../src/manifests/new-files.ts";
import { contentsOf } from "./contents.ts";

const TEMPLATE = "src/manifests/first-tree";
const CONTAINERS = "test/fixtures/predecessor-containers.json";
const MACHINES = "test/fixtures/predecessor-machines.json";
const folder = mkdtempSync(join(tmpdir(), "evenkeel-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
const fresh = (): string => join(folder, `tree-${(serial += 1)}`);

interface OldFile {
  TName?: unknown;
  Details?: Record<string, unknown>[];
  [more: string]: unknown;
}

/** The container form of the fixtures, with something changed. */
function changed(change: (file: OldFile, subnet: Record<string, unknown>) => void): string {
  const file = JSON.parse(readFileSync(CONTAINERS, "utf8")) as OldFile;
  change(file, file.Details?.[0] ?? {});
  const path = join(folder, `old-${(serial += 1)}.json`);
  writeFileSync(path, JSON.stringify(file, null, 2));
  return path;
}

interface Done extends ImportResult {
  readonly tree: string;
  /** `warning Details[0].Mask: …` */
  readonly said: string[];
  readonly spec: (file: string) => Record<string, unknown>;
}

async function importing(file: string, tree = fresh()): Promise<Done> {
  const result = await importOldFile(file, tree, TEMPLATE);
  return {
    ...result,
    tree,
    said: result.problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`),
    spec: (path) => (parse(readFileSync(join(tree, path), "utf8")) as { spec: Record<string, unknown> }).spec,
  };
}

const codes = ({ imported }: ImportResult): string[] =>
  (imported?.remaining ?? []).map(({ code, severity, file }) => `${severity} ${code} ${file}`);

describe("the predecessor's file of containers", () => {
  test("becomes a tree that is valid, and of which it is said what is to be filled in", async () => {
    const done = await importing(CONTAINERS);
    expect(done.said).toEqual([]);
    expect(done.imported?.manifests).toEqual([
      "provider/hv1.yaml",
      "provider/hv2.yaml",
      "provider/t2.yaml",
      "tenants/t2/n1.yaml",
    ]);
    expect(codes(done)).toEqual([
      "warning EK-PLACEHOLDER provider/hv1.yaml",
      "warning EK-PLACEHOLDER provider/hv2.yaml",
      "warning EK-ADDRESS tenants/t2/n1.yaml",
    ]);
    const { hypervisors, tenants, problems } = await load(done.tree);
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect([...hypervisors.keys()]).toEqual(["hv1", "hv2"]);
    expect(tenants.get("t2" as never)?.held).toBeUndefined();
  });

  test("keeps what the file tells, and says beside it what was guessed", async () => {
    const done = await importing(CONTAINERS);
    const { spec, tree } = done;
    expect(spec("tenants/t2/n1.yaml")).toEqual({
      cidr: "13.13.13.0/24",
      replicas: { min: 1, max: 4 },
      workload: {
        runtime: "docker",
        image: "example/myubuntu:version1",
        resources: { cpu: 1, memory: "256Mi" },
      },
      autoscale: { thresholds: { cpu: { min: 5, max: 10 } }, cooldownSeconds: 0 },
    });
    expect(spec("provider/t2.yaml")).toEqual({ primary: "hv1", standby: [{ name: "hv2" }] });
    expect(spec("provider/hv2.yaml")).toMatchObject({
      underlay: { address: "192.168.50.66" },
      load: { min: 5, max: 10 },
    });
    const text = readFileSync(join(tree, "tenants/t2/n1.yaml"), "utf8");
    expect(text).toContain('# Subnet "T2-N1" of the old file.');
    expect(text).toContain("# max is guessed: the old file has no bound, and 4 stood.");
    expect(text).not.toContain("flap");
    for (const file of done.imported?.manifests ?? [])
      for (const line of readFileSync(join(done.tree, file), "utf8").split("\n"))
        expect(line.length).toBeLessThanOrEqual(80);
    expect(readdirSync(tree)).toContain(".vscode");
  });
});

test("the predecessor's file of virtual machines becomes manifests of those, by steal, and warns of what flaps", async () => {
  const done = await importing(MACHINES);
  expect(done.said).toEqual([
    'warning Details[0].image_name: "/srv/images/web.qcow2" is taken as web.qcow2, a file in the fleet\'s image directory',
  ]);
  expect(done.spec("tenants/t3/n1.yaml")).toMatchObject({
    replicas: { min: 2, max: 3 },
    workload: { runtime: "libvirt", image: "web.qcow2" },
    autoscale: { thresholds: { steal: { min: 8, max: 10 } }, cooldownSeconds: 120 },
  });
  expect(done.spec("provider/hv1.yaml")).toMatchObject({ runtimes: ["libvirt"] });
  expect(done.spec("provider/t3.yaml")).toEqual({ primary: "hv1", standby: [{ name: "hv2" }] });
  expect(readFileSync(join(done.tree, "tenants/t3/n1.yaml"), "utf8")).toContain(
    "# These thresholds flap: steal just above 10 on 2 is 6.7 on 3, below min.",
  );
  expect(codes(done)).toContain("warning EK-FLAPPING tenants/t3/n1.yaml");
});

describe("an odd file:", () => {
  const odd: [string, (file: OldFile, subnet: Record<string, unknown>) => void, string[], object][] = [
    [
      "numbers for text, and a dotted mask",
      (_, subnet) => Object.assign(subnet, { num_cons: 1, max_load: 10, min_load: 5, Mask: "255.255.255.0" }),
      [],
      { replicas: { min: 1, max: 4 }, cidr: "13.13.13.0/24" },
    ],
    [
      "text that is no number",
      (_, subnet) => Object.assign(subnet, { cooldownperiod: "soon" }),
      ['warning Details[0].cooldownperiod: is no number: "soon"; it is passed over'],
      { autoscale: { thresholds: { cpu: { min: 5, max: 10 } } } },
    ],
    [
      "no list of what stands where",
      (_, subnet) => delete subnet.ConList,
      [
        "warning Details: names no hypervisor; the tenant is at home on hv1",
        "warning Details[0]: has no list ConList; it is not known what stood where",
      ],
      { replicas: { min: 1, max: 2 } },
    ],
    [
      "neither list nor count",
      (_, subnet) => {
        delete subnet.ConList;
        delete subnet.num_cons;
      },
      [
        "warning Details: names no hypervisor; the tenant is at home on hv1",
        "warning Details[0]: has neither a ConList nor a VMList; it is taken for one of containers",
        "warning Details[0]: does not say how many it began with; replicas.min is 1",
      ],
      { replicas: { min: 1, max: 2 } },
    ],
    [
      "a hypervisor that is no address",
      (_, subnet) => ((subnet.ConList as { Hypervisor: string }[])[1]!.Hypervisor = "hyp.example"),
      [
        'warning Details[0].ConList[1]: names no hypervisor by its IPv4 address: "hyp.example"; it is passed over',
      ],
      {},
    ],
    [
      "thresholds that leave no room between them",
      (_, subnet) => Object.assign(subnet, { min_load: "10" }),
      ["warning Details[0]: thresholds need 0 < min_load < max_load; found 10 and 10"],
      { replicas: { min: 1, max: 4 } },
    ],
    [
      "an image that no manifest may name",
      (_, subnet) => Object.assign(subnet, { image_name: "$(reboot)\nkind: Tenant" }),
      ['warning Details[0].image_name: is no name of an image: "$(reboot)\\nkind: Tenant"'],
      { workload: { runtime: "docker", image: "fill-in/image:1", resources: { cpu: 1, memory: "256Mi" } } },
    ],
    [
      "another count than its list has",
      (_, subnet) => Object.assign(subnet, { num_cons: "2" }),
      ["warning Details[0]: began with 2, and its list has 1 that were not scaled; replicas.min is 2"],
      { replicas: { min: 2, max: 4 } },
    ],
    [
      "a field that nobody knows",
      (_, subnet) => Object.assign(subnet, { colour: "red" }),
      ["warning Details[0].colour: is no field of the predecessor's; it is dropped"],
      {},
    ],
  ];

  test.each(odd)("%s", async (_, change, said, spec) => {
    const done = await importing(changed(change));
    expect(done.said.toSorted()).toEqual(said.toSorted());
    expect(done.spec("tenants/t2/n1.yaml")).toMatchObject(spec);
    expect(codes(done).filter((code) => code.startsWith("error"))).toEqual([]);
  });

  test("names that DNS does not allow are changed, told of, and cannot end a comment", async () => {
    const done = await importing(
      changed((file, subnet) => {
        file.TName = "Tenant_2\nkind: Hypervisor";
        subnet.SubnetName = "Web Front!";
      }),
    );
    expect(done.imported?.manifests).toContain("tenants/tenant-2-kind-hypervisor/web-front.yaml");
    expect(done.said).toEqual([
      'warning TName: "Tenant_2\\nkind: Hypervisor" is no DNS label of at most 32 characters; it is tenant-2-kind-hypervisor now',
      'warning Details[0].SubnetName: "Web Front!" is no DNS label of at most 32 characters; it is web-front now',
    ]);
    expect(codes(done).filter((code) => code.startsWith("error"))).toEqual([]);
  });

  test("two subnets alike: the same is left out, one of the same name gets another", async () => {
    const done = await importing(
      changed((file, subnet) => {
        file.Details?.push({ ...subnet }, { ...subnet, Subnet: "10.1.0.0", SubnetName: "t2_n1" });
      }),
    );
    expect(done.imported?.manifests.filter((file) => file.startsWith("tenants/"))).toEqual([
      "tenants/t2/n1.yaml",
      "tenants/t2/n1-2.yaml",
    ]);
    expect(done.said).toEqual([
      'warning Details[1]: is "T2-N1" with the network 13.13.13.0/24 a second time; it is left out',
      'warning Details[2].SubnetName: "t2_n1" would be n1, which another subnet is already; it is n1-2',
    ]);
  });

  const hopeless: [string, string | ((file: OldFile, subnet: Record<string, unknown>) => void), RegExp][] = [
    ["no JSON", '{"TName": "T2", "Details": [', /^error : must be well-formed/],
    ["no object", "[]", /^error : must have a TName/],
    ["no name", (file) => delete file.TName, /^error : must have a TName, the tenant's name$/],
    ["a name without a letter", (file) => (file.TName = "--"), /^error TName: has no letter or digit/],
    ["no list of subnets", (file) => delete file.Details, /^error : must have a list Details/],
    ["an empty one", (file) => (file.Details = []), /^error Details: holds no subnet/],
    [
      "no network",
      (_, subnet) => Object.assign(subnet, { Subnet: "13.13.13" }),
      /^error Details\[0\]: must have Subnet and Mask .*found "13.13.13" and "24"$/,
    ],
    [
      "a network that is too large",
      (_, subnet) => Object.assign(subnet, { Mask: "255.0.0.0" }),
      /found 13.0.0.0\/8$/,
    ],
    [
      "networks that overlap",
      (file, subnet) => file.Details?.push({ ...subnet, SubnetName: "b", Mask: "25" }),
      /^error Details\[1\].Subnet: 13.13.13.0\/25 overlaps 13.13.13.0\/24 of "T2-N1"/,
    ],
  ];
  test.each(hopeless)("nothing is written for one with %s", async (_, change, said) => {
    const file = typeof change === "string" ? join(folder, `bad-${(serial += 1)}.json`) : changed(change);
    if (typeof change === "string") writeFileSync(file, change);
    const done = await importing(file);
    expect(done.imported).toBeUndefined();
    expect(done.said.filter((line) => line.startsWith("error")).join("\n")).toMatch(said);
    expect(done.problems[0]).toMatchObject({ file, line: expect.any(Number), column: expect.any(Number) });
    expect(() => readdirSync(done.tree)).toThrow("ENOENT");
  });
});

describe("a tree that is there already", () => {
  test("takes a second tenant; its hypervisors keep their names, and one that nobody knows gets a document", async () => {
    const { tree } = await importing(MACHINES);
    const before = readFileSync(join(tree, "provider/hv1.yaml"), "utf8");
    const done = await importing(
      changed((_, subnet) => {
        (subnet.ConList as { Hypervisor: string; List: unknown[] }[]).push({
          Hypervisor: "192.168.50.99",
          List: [],
        });
      }),
      tree,
    );
    // There, 192.168.50.66 came first and is hv1.
    expect(done.spec("provider/t2.yaml")).toEqual({
      primary: "hv2",
      standby: [{ name: "hv1" }, { name: "hv3" }],
    });
    expect(done.said).toEqual([
      "warning Details[0].ConList[2].Hypervisor: no Hypervisor of the tree has the address 192.168.50.99; provider/hv3.yaml is written for it",
    ]);
    expect(done.spec("provider/hv3.yaml")).toMatchObject({ fleet: "campus" });
    expect(readFileSync(join(tree, "provider/hv1.yaml"), "utf8")).toBe(before);
    expect(codes(done).filter((code) => code.startsWith("error"))).toEqual([]);
  });

  test("is not overwritten in any part", async () => {
    const { tree } = await importing(CONTAINERS);
    const before = contentsOf(tree);
    await expect(importOldFile(CONTAINERS, tree, TEMPLATE)).rejects.toMatchObject({
      code: "EK-USAGE",
      message: expect.stringMatching(/provider\/t2.yaml is there already; nothing was written$/),
    });
    expect(contentsOf(tree)).toBe(before);
  });

  test("is not written to where it cannot be read as one", async () => {
    const tree = fresh();
    mkdirSync(join(tree, "provider"), { recursive: true });
    writeFileSync(join(tree, "provider/hv1.yaml"), "kind: [");
    await expect(importOldFile(CONTAINERS, tree, TEMPLATE)).rejects.toMatchObject({ code: "EK-MANIFESTS" });
    expect(readdirSync(join(tree, "provider"))).toEqual(["hv1.yaml"]);
  });
});

test("a file that comes while others are written is not overwritten either", async () => {
  const tree = fresh();
  mkdirSync(tree);
  writeFileSync(join(tree, "b"), "kept");
  const files = new Map([
    ["a", "new"],
    ["b", "new"],
  ]);
  await expect(writeNewFiles(tree, files)).rejects.toMatchObject({ code: "EK-EDIT" });
  expect(readFileSync(join(tree, "b"), "utf8")).toBe("kept");
});

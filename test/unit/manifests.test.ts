import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createColors } from "picocolors";
import { EvenkeelError } from "../../src/api/errors.ts";
import { describeError, describeProblems } from "../../src/cli/problems.ts";
import { load } from "../../src/manifests/load.ts";
import { editDistance, nearest } from "../../src/manifests/nearest.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { edited, second, short, VALID, write } from "./manifests-tree.ts";

const WEB = "tenants/t1/web.yaml";
const BROKEN = "kind: Subnet\napiVersion: [";

const tenant = (revision: Revision, name: string) =>
  [...revision.tenants.values()].find((one) => one.name === name);
const subnet = (revision: Revision, owner: string, name: string) =>
  [...(tenant(revision, owner)?.subnets.values() ?? [])].find(({ metadata }) => metadata.name === name);
const held = (revision: Revision) =>
  Object.fromEntries(
    [...revision.tenants.values()].flatMap(({ name, held: why }) => (why === undefined ? [] : [[name, why]])),
  );
const good = async () => ({ lastGood: (await load(write(VALID))).documents });

describe("a valid tree", () => {
  test("the example is valid, and is what the demo needs", async () => {
    const revision = await load("manifests");
    expect(revision.problems).toEqual([]);
    expect([...revision.hypervisors.keys()]).toEqual(["hv1", "hv2"]);
    expect([...revision.documents.keys()]).toEqual([
      "Hypervisor//hv1",
      "Hypervisor//hv2",
      "Subnet/t1/web",
      "Subnet/t2/batch",
      "Subnet/t2/web",
      "Tenant//t1",
      "Tenant//t2",
    ]);
    expect(subnet(revision, "t1", "web")?.spec.cidr).toBe(subnet(revision, "t2", "web")?.spec.cidr);
    expect(held(revision)).toEqual({});
  });

  test("has its defaults and namespaces filled in", async () => {
    const revision = await load(write(VALID));
    expect(revision.fleet).toBe("campus");
    expect(revision.complete).toBe(true);
    expect(subnet(revision, "t2", "web")).toEqual({
      apiVersion: "evenkeel.dev/v1alpha1",
      kind: "Subnet",
      metadata: { name: "web", namespace: "t2" },
      spec: {
        cidr: "10.13.13.0/24",
        dhcp: true,
        replicas: { min: 2, max: 6 },
        workload: {
          runtime: "docker",
          image: "evenkeel/web:1",
          imagePullPolicy: "IfNotPresent",
          startSeconds: 300,
          env: [],
          ports: [],
          resources: { cpu: "500m", memory: "256Mi" },
        },
        update: { maxSurge: 1, maxUnavailable: 0 },
        drain: { gracePeriodSeconds: 30, signal: "SIGTERM", stopSeconds: 10 },
      },
    });
  });

  test("fills in defaults where an alias was without touching what it points to", async () => {
    const aliased = edited(WEB, "  workload:", "  update: &empty {}\n  drain: *empty\n  workload:");
    const revision = await load(write(aliased));
    expect(revision.problems).toEqual([]);
    expect(subnet(revision, "t1", "web")?.spec.drain).toEqual({
      gracePeriodSeconds: 30,
      signal: "SIGTERM",
      stopSeconds: 10,
    });
  });

  test("has a digest of its content alone", async () => {
    const [first, again, other] = [write(VALID), write(VALID), write(edited(WEB, "max: 6", "max: 7"))];
    expect((await load(first)).digest).toBe((await load(again)).digest);
    expect((await load(first)).digest).not.toBe((await load(other)).digest);
  });

  test("takes several documents a file, byte order marks and carriage returns", async () => {
    const text = `\u{feff}---\n${VALID[WEB]}---\n${second()}...\n`.replaceAll("\n", "\r\n");
    const revision = await load(write({ ...VALID, [WEB]: text }));
    expect(revision.problems).toEqual([]);
    expect([...(tenant(revision, "t1")?.subnets.keys() ?? [])]).toEqual(["web", "zoo"]);
  });

  test("knows its commit", async () => {
    const directory = write(VALID);
    const git = (...words: string[]) =>
      execFileSync("git", ["-C", directory, ...words], { encoding: "utf8" });
    expect((await load(directory)).commit).toBeUndefined();
    git("init", "--quiet");
    git("add", ".");
    git(
      "-c",
      "user.name=web-team",
      "-c",
      "user.email=w@example.org",
      "commit",
      "--quiet",
      "-m",
      "Raise the ceiling\n\nmore",
    );
    const hash = git("rev-parse", "HEAD").trim();
    expect((await load(directory)).commit).toEqual({
      hash,
      author: "web-team",
      subject: "Raise the ceiling",
      dirty: false,
    });
    chmodSync(join(directory, WEB), 0o755);
    expect((await load(directory)).commit?.dirty).toBe(true);
  });
});

describe("a broken document", () => {
  test.each([
    ["is not legible", { [WEB]: BROKEN }],
    ["breaks its schema", edited(WEB, "max: 6", "max: many")],
    ["breaks a rule", edited(WEB, "max: 6", "max: 60")],
    ["has lost its name", edited(WEB, "{name: web}", "{}")],
    ["has lost its kind", edited(WEB, "kind: Subnet", "kind: Sub")],
    ["is empty", { [WEB]: "" }],
    ["is too large", { [WEB]: `# ${"x".repeat(70_000)}` }],
  ])("that %s is replaced by its last good version, or holds its tenant", async (_name, files) => {
    const directory = write({ ...VALID, ...files });
    const mended = await load(directory, await good());
    expect(mended.problems.map(({ severity }) => severity)).toContain("error");
    expect(subnet(mended, "t1", "web")?.spec.replicas.max).toBe(6);
    expect(held(mended)).toEqual({});
    const without = await load(directory);
    expect(subnet(without, "t1", "web")).toBeUndefined();
    expect(Object.keys(held(without))).toEqual(["t1"]);
    expect(subnet(without, "t2", "web")).toBeDefined();
    expect(without.complete).toBe(true);
  });

  test("of a tenant holds it, by its name", async () => {
    const revision = await load(write(edited("provider/t1.yaml", "primary: hv1", "primary: 1")));
    expect(held(revision)).toEqual({
      t1: "provider/t1.yaml:1 has errors, and no earlier version of it is known",
    });
  });

  test("of a hypervisor holds the tenants that name it", async () => {
    const files = {
      ...edited("provider/hv2.yaml", "eth0", "eth0, mtu: 1"),
      "provider/t2.yaml": `${VALID["provider/t2.yaml"]}`.replace("hv2", "hv3"),
    };
    const hv3 = VALID["provider/hv2.yaml"]?.replaceAll("hv2", "hv3").replaceAll("198.18.0.12", "198.18.0.13");
    const without = await load(write({ ...files, "provider/hv3.yaml": hv3 }));
    expect(held(without)).toEqual({
      t1: "its hypervisor hv2 is not known: provider/hv2.yaml:1 has errors, and no earlier version of it is known",
    });
    const mended = await load(write({ ...files, "provider/hv3.yaml": hv3 }), await good());
    expect(held(mended)).toEqual({});
    expect([...mended.hypervisors.keys()]).toEqual(["hv1", "hv2", "hv3"]);
  });

  test("of the provider that is not legible leaves the tree incomplete", async () => {
    const files = { ...VALID, "provider/t1.yaml": BROKEN };
    const without = await load(write(files));
    expect(without.complete).toBe(false);
    expect(without.problems.map(short)).toEqual(["provider/t1.yaml:2:14:  EK-YAML"]);
    expect(Object.keys(held(without))).toEqual(["t1"]);
    const mended = await load(write(files), await good());
    expect(mended.complete).toBe(true);
    expect(held(mended)).toEqual({});
  });

  test("does not take over another tenant's object from where it does not belong", async () => {
    const stray = {
      "tenants/t1/t2.yaml": VALID["provider/t2.yaml"],
      "tenants/t1/x.yaml": VALID["tenants/t2/web.yaml"]?.replace("web", "x, namespace: t2"),
    };
    const revision = await load(write({ ...VALID, ...stray }));
    expect(Object.keys(held(revision))).toEqual(["t1"]);
    expect(tenant(revision, "t2")?.tenant).toBeDefined();
  });
});

test("what is taken away from a legible tree is gone", async () => {
  const { "provider/t2.yaml": _tenant, "tenants/t2/web.yaml": _subnet, ...files } = VALID;
  const revision = await load(write(files), await good());
  expect([...revision.tenants.keys()]).toEqual(["t1"]);
  expect([revision.complete, revision.problems]).toEqual([true, []]);
});

describe("documents that do not agree", () => {
  test("give way in the one that has changed, even where the error is told in the other", async () => {
    // t2 comes later by name, so the error is told there; but it is t1 whose range has grown.
    const grown = edited("provider/t1.yaml", "198.18.100.12/31", "198.18.100.8/29");
    const revision = await load(write(grown), await good());
    expect(revision.problems.map(short)).toEqual([
      "provider/t1.yaml:1:1:  EK-OVERLAP",
      "provider/t2.yaml:7:22: spec.serviceAddresses[0] EK-OVERLAP",
    ]);
    expect(tenant(revision, "t1")?.tenant?.spec.serviceAddresses).toEqual(["198.18.100.12/31"]);
    expect(held(revision)).toEqual({});
  });

  test("are looked at again with last good versions in place", async () => {
    // zoo takes the network that web gives up; but web's change does not come into force.
    const files: Readonly<Record<string, string>> = {
      ...edited(WEB, "10.13.13.0/24", "10.99.0.0/24"),
      "tenants/t1/zoo.yaml": second({ cidr: "10.13.13.0/24" }),
    };
    const broken = { ...files, [WEB]: `${files[WEB]}`.replace("max: 6", "max: 600") };
    expect((await load(write(files), await good())).problems).toEqual([]);
    const revision = await load(write(broken), await good());
    expect(revision.problems.map(short)).toEqual([
      `${WEB}:6:27: spec.replicas.max EK-FIELD-INVALID`,
      "tenants/t1/zoo.yaml:5:9: spec.cidr EK-OVERLAP",
    ]);
    expect(subnet(revision, "t1", "web")?.spec.cidr).toBe("10.13.13.0/24");
    expect(subnet(revision, "t1", "zoo")).toBeUndefined();
    expect(Object.keys(held(revision))).toEqual(["t1"]);
  });

  test("such as subnets whose Tenant document is gone: an error in each, and nothing is removed", async () => {
    const { "provider/t2.yaml": _gone, ...files } = VALID;
    const revision = await load(write(files), await good());
    expect(revision.problems.map(short)).toEqual([
      "tenants/t2/web.yaml:3:1: metadata.namespace EK-REFERENCE",
    ]);
    expect(Object.keys(held(revision))).toEqual(["t2"]);
    expect(subnet(revision, "t2", "web")).toBeDefined();
  });

  test("such as a tenant whose hypervisor is gone: it is held", async () => {
    const { "provider/hv2.yaml": _gone, ...files } = VALID;
    const revision = await load(write(files), await good());
    expect(Object.keys(held(revision))).toEqual(["t1", "t2"]);
    expect(tenant(revision, "t1")?.tenant).toBeDefined();
  });
});

describe("how problems read", () => {
  test("where, what, the line with a mark, what to do, the code", async () => {
    const files = edited(WEB, "max: 6}", "max: 60, mox: 1}");
    const { problems } = await load(write(files));
    const long = problems.map((problem) => ({ ...problem, file: "tenants/t1/web.yaml" }));
    expect(describeProblems(long, "manifests", createColors(false))).toBe(`\
manifests/tenants/t1/web.yaml:6:27: spec.replicas.max: must be at most 10, the
  quota of tenant t1 (provider/t1.yaml:8); found 60
    6 |   replicas: {min: 2, max: 60, mox: 1}
      |                           ^^                                    EK-QUOTA
manifests/tenants/t1/web.yaml:6:31: spec.replicas.mox: unknown field
    6 |   replicas: {min: 2, max: 60, mox: 1}
      |                               ^^^ did you mean "max"?   EK-FIELD-UNKNOWN
`);
  });

  test("in 80 columns, with nothing that steers a terminal", async () => {
    const files = {
      ...edited(WEB, "    image", `    ${"x".repeat(90)}: 1\n    image`),
      "tenants/t1/\u{1b}[2Jx.yaml": "a\0",
    };
    const { problems } = await load(write(files));
    const text = describeProblems(problems, ".", createColors(false));
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(text.split("\n").filter((line) => line.length > 80 && line.includes(" | "))).toEqual([]);
  });

  test("errors say what to do", () => {
    const error = new EvenkeelError("EK-USAGE", "no such thing", { fix: "try another" });
    expect(describeError(error, createColors(false))).toBe(
      "error: no such thing [EK-USAGE]\nfix: try another\n",
    );
  });
});

test("near names", () => {
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("abc", "acb")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(nearest("treshold", ["thresholds", "step", "mode"])).toBe("thresholds");
  expect(nearest("quux", ["min", "max"])).toBeUndefined();
  expect(nearest("x".repeat(100), ["x"])).toBeUndefined();
});

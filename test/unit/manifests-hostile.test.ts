import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createColors } from "picocolors";
import { parse } from "yaml";
import { EvenkeelError } from "../../src/api/errors.ts";
import { describeProblems } from "../../src/cli/problems.ts";
import { checkFile } from "../../src/manifests/check.ts";
import { settle } from "../../src/manifests/force.ts";
import { load } from "../../src/manifests/load.ts";
import { parseFile } from "../../src/manifests/parse.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { RULES } from "../../src/manifests/rules/index.ts";
import { edited, short, VALID, write } from "./manifests-tree.ts";

const WEB = "tenants/t1/web.yaml";
const BROKEN = "kind: Subnet\napiVersion: [";

const heldTenants = (revision: Revision): readonly string[] =>
  [...revision.tenants.values()].flatMap(({ name, held }) => (held === undefined ? [] : [name]));

/** Everything but the file system and git. */
const settled = (files: Readonly<Record<string, string>>) => {
  const written = Object.entries(files).map(([path, body]) =>
    parseFile({ path, content: Buffer.from(body) }),
  );
  const documents = written.flatMap(checkFile);
  return settle({ documents, illegible: [], lastGood: new Map(), rules: RULES, whole: true });
};

describe("hostile input", () => {
  const deep = `x: ${"[".repeat(30_000)}`;
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    .concat(
      ["b", "c", "d", "e", "f"].map(
        (name, index) => `${name}: &${name} [${`*${"abcde"[index]}, `.repeat(9)}]`,
      ),
    )
    .join("\n");
  const cases: readonly (readonly [string, string | Buffer, string])[] = [
    ["10 MB", Buffer.alloc(10_000_000, "#"), "1:1:  EK-LIMIT"],
    ["an alias bomb", bomb, "1:1:  EK-LIMIT"],
    ["101 aliases", `a: &a x\nb: [${Array(101).fill("*a").join(", ")}]`, "2:405:  EK-LIMIT"],
    ["an alias to nothing", "a: *b", "1:1:  EK-YAML"],
    ["deep nesting", deep, "1:1:  EK-LIMIT"],
    ["nesting of 33", `x: ${"[".repeat(33)}${"]".repeat(33)}`, "1:35:  EK-LIMIT"],
    ["a NUL", "kind: Sub\0net\n", "1:10:  EK-YAML"],
    ["an escape sequence", "\n  \u{1b}[31mred", "2:3:  EK-YAML"],
    ["no UTF-8", Buffer.from([0x61, 0xff, 0xfe]), "1:1:  EK-YAML"],
    ["a list", "- a", "1:1:  EK-YAML"],
    ["a text", "hello", "1:1:  EK-YAML"],
    ["no document", "# nothing\n---\n", "1:1:  EK-YAML"],
  ];
  test.each(cases)("%s is an error that holds its tenant alone", async (_name, text, problem) => {
    const revision = await load(write({ ...VALID, "tenants/t1/x.yaml": text }));
    expect(revision.problems.map(short)).toEqual([`tenants/t1/x.yaml:${problem}`]);
    expect(heldTenants(revision)).toEqual(["t1"]);
  });

  test("fields with names of an object's own are unknown fields", async () => {
    const revision = await load(
      write(edited(WEB, "    image", "    __proto__: {a: 1}\n    constructor: 1\n    image")),
    );
    expect(revision.problems.map(short)).toEqual([
      `${WEB}:8:5: spec.workload.__proto__ EK-FIELD-UNKNOWN`,
      `${WEB}:9:5: spec.workload.constructor EK-FIELD-UNKNOWN`,
    ]);
    expect({}).not.toHaveProperty("a");
  });

  test("keys that are no text, tags and YAML 1.1 change nothing of what is read", async () => {
    const strange = await load(write(edited(WEB, "    image", "    ? [a]\n    : 1\n    image")));
    expect(strange.problems.map(({ code }) => code)).toContain("EK-YAML");
    const tagged = await load(write(edited(WEB, "max: 6", "max: !!js/function 6")));
    expect(tagged.problems.map(({ code }) => code)).toContain("EK-YAML");
    const old = await load(
      write({ ...VALID, [WEB]: `%YAML 1.1\n---\n${VALID[WEB]?.replaceAll("http", "yes")}` }),
    );
    expect(old.problems).toEqual([]);
    const [subnet] = [...old.tenants.values()][0]?.subnets.values() ?? [];
    expect(subnet?.spec.workload.ports[0]?.name).toBe("yes");
  });

  test("links are followed inside of the tree only", async () => {
    const outside = write({ "secret.yaml": VALID[WEB] });
    const directory = write(VALID);
    symlinkSync(join(outside, "secret.yaml"), join(directory, "tenants/t1/out.yaml"));
    symlinkSync(outside, join(directory, "tenants/t1/folder"));
    symlinkSync("nowhere", join(directory, "tenants/t1/nowhere.yaml"));
    symlinkSync("..", join(directory, "tenants/t1/up"));
    mkdirSync(join(directory, "tenants/t1/more"));
    symlinkSync("../../../provider", join(directory, "provider/again"));
    const revision = await load(directory);
    expect(revision.problems.map(short)).toEqual([
      "provider/again:1:1:  EK-MANIFESTS",
      "tenants/t1/folder:1:1:  EK-PLACE",
      "tenants/t1/nowhere.yaml:1:1:  EK-MANIFESTS",
      "tenants/t1/out.yaml:1:1:  EK-PLACE",
      "tenants/t1/up:1:1:  EK-PLACE",
    ]);
    const linked = write({ ...VALID, [WEB]: undefined, "tenants/t1/.data/web": VALID[WEB] });
    symlinkSync(".data/web", join(linked, WEB));
    expect((await load(linked)).problems).toEqual([]);
  });

  test("what is no file is not waited for, and dot files are not read", async () => {
    const directory = write({
      ...VALID,
      "tenants/t1/.hidden.yaml": "a: [",
      ".git/x.yaml": "a: [",
      "README.md": "x",
    });
    const server = createServer().listen(join(directory, "tenants/t1/socket.yaml"));
    await once(server, "listening");
    expect((await load(directory)).problems.map(short)).toEqual(["tenants/t1/socket.yaml:1:1:  EK-PLACE"]);
    server.close();
  });

  test("private keys are refused anywhere, and never shown", async () => {
    const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc";
    const directory = write({ ...VALID, "provider/id_hv1": key, "tenants/t2/k.yaml": `a:\n  b: "${key}` });
    const { problems } = await load(directory);
    expect(problems.map(short)).toContain("provider/id_hv1:1:1:  EK-SECRET");
    expect(problems.map(short)).toContain("tenants/t2/k.yaml:2:7:  EK-SECRET");
    expect(describeProblems(problems, directory, createColors(false))).not.toContain("BEGIN");
  });

  test.each([
    ["empty", {}],
    ["without manifests", { "README.md": "x" }],
    ["without a hypervisor", { [WEB]: VALID[WEB] }],
    ["without a valid hypervisor", { ...VALID, "provider/hv1.yaml": BROKEN, "provider/hv2.yaml": BROKEN }],
  ])("a tree that is %s is an error, never a wish for nothing", async (_name, files) => {
    await expect(load(write(files))).rejects.toMatchObject({ code: "EK-MANIFESTS" });
  });

  test("a tree that cannot be read is an error too", async () => {
    await expect(load("/nonexistent")).rejects.toThrow(
      "cannot read the manifests in /nonexistent: it does not exist",
    );
    await expect(load(join(write(VALID), WEB))).rejects.toThrow("it is not a directory");
    const away = write({ ...VALID });
    const out = write({ "provider/hv1.yaml": VALID["provider/hv1.yaml"] });
    symlinkSync(join(away, "tenants"), join(out, "tenants"));
    await expect(load(out)).rejects.toMatchObject({ code: "EK-MANIFESTS" });
  });

  describe("nothing makes reading fail in another way than it says:", () => {
    const fragments =
      "kind: Subnet|apiVersion: evenkeel.dev/v1alpha1|metadata: {name: web}|spec:|  cidr: |10.0.0.0/24|  workload: |{image: x}" +
      "|  replicas: {min: 1, max: 1e99}|{resources: {memory: 1e30}}|- |? |: |&a |*a |!!x |---|>|{|}|[|]|\"|'|\t|  |\0|\r|null" +
      "|  service: {address: 1.2.3.4, ports: [{port: 1}]}|\u{2028}";
    const fragment = fc.constantFrom("\n", ...fragments.split("|").flatMap((part) => [part, `${part}\n`]));
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(fragment, { maxLength: 30 }).map((parts) => parts.join("")),
    );
    const file = fc.constantFrom(...Object.keys(VALID));

    test("no text", () => {
      fc.assert(
        fc.property(file, text, (path, body) => expect(settled({ ...VALID, [path]: body })).toBeDefined()),
      );
    });

    test("no value in the place of another", () => {
      const strange = fc.oneof(
        fc.jsonValue(),
        fc.constantFrom("", -1, 0, 1e30, "10.0.0.1/8", "1.2.3.4", "hv1", [], {}, null),
      );
      const property = fc.property(file, fc.nat(), strange, (path, number, value) => {
        const document: unknown = parse(VALID[path] ?? "");
        const places = everyPlace(document);
        const [holder, key] = places[number % places.length] ?? [{}, ""];
        Reflect.set(holder, key, value);
        expect(settled({ ...VALID, [path]: JSON.stringify(document) })).toBeDefined();
      });
      fc.assert(property, { numRuns: 200 });
    });

    test("no tree", async () => {
      const property = fc.asyncProperty(file, text, async (path, body) => {
        await load(write({ ...VALID, [path]: body })).catch((error: unknown) =>
          expect(error).toBeInstanceOf(EvenkeelError),
        );
      });
      await fc.assert(property, { numRuns: 20 });
    });
  });
});

/** Each field and each item in a document, as what holds it and its key there. */
function everyPlace(value: unknown): readonly (readonly [object, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[value, key] as const, ...everyPlace(inner)]);
}

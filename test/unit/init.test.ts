import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Ajv from "ajv";
import { parseAllDocuments } from "yaml";
import { load } from "../../src/manifests/load.ts";
import { writeFirstTree } from "../../src/manifests/first-tree.ts";
import { contentsOf } from "./contents.ts";

/** Below node_modules, so that packages are found. */
const build = join(process.cwd(), "node_modules", ".cache", "evenkeel", "init");
const folder = mkdtempSync(join(tmpdir(), "evenkeel-init-"));
const tree = join(folder, "new", "manifests");
const template = join(build, "first-tree");
const MANIFESTS = ["provider/hv1.yaml", "provider/t1.yaml", "tenants/t1/web.yaml"];

const read = (file: string): string => readFileSync(join(tree, file), "utf8");
const reconcile = (...words: readonly string[]) =>
  spawnSync("node", [join(build, "reconcile.js"), ...words], { encoding: "utf8" });
/** A directory with these files in it. */
function directoryWith(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(folder, "with-"));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  return directory;
}

let said: ReturnType<typeof reconcile>;
beforeAll(() => {
  execFileSync("node", ["hack/build.mjs", build]);
  said = reconcile("init", tree);
});
afterAll(() => {
  for (const one of [build, folder]) rmSync(one, { recursive: true, force: true });
});

describe("a first tree", () => {
  test("is written with all that an editor needs, and it is said what comes next", () => {
    expect(said).toMatchObject({ status: 0, stderr: "" });
    for (const file of MANIFESTS) expect(said.stdout).toContain(`  ${file}\n`);
    expect(said.stdout).toContain(`reconcile validate ${tree}\n`);
    const files = readdirSync(tree, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    expect(files.map(({ name }) => name).toSorted()).toEqual(
      "Hypervisor.schema.json Provider.schema.json Subnet.schema.json Tenant.schema.json hv1.yaml settings.json t1.yaml web.yaml".split(
        " ",
      ),
    );
  });

  test("is valid, and validate says what is still to be filled in", async () => {
    const { status, stdout } = reconcile("validate", tree);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /hostKeys\[0\]: is\s+still to be filled in[^]*EK-PLACEHOLDER\nValid: 1 hypervisor/,
    );
    const { problems } = await load(tree);
    expect(problems.map(({ code, severity, file }) => [code, severity, file])).toEqual([
      ["EK-PLACEHOLDER", "warning", "provider/hv1.yaml"],
    ]);
    expect(read(problems[0]!.file)).toMatch(/# FILL IN[^\n]*\n *- SHA256:FILL/);
  });

  test("has nothing to be said about it once it is filled in", async () => {
    const filled = read("provider/hv1.yaml").replace(/SHA256:\S+/, `SHA256:${"a".repeat(43)}`);
    const files = Object.fromEntries(MANIFESTS.map((file) => [file, read(file)]));
    const { problems } = await load(directoryWith({ ...files, "provider/hv1.yaml": filled }));
    expect(problems).toEqual([]);
  });
});

/** Says whether a document is as one of the tree's schemas asks. */
function accepts(schema: string, document: unknown): boolean {
  const ajv = new Ajv.default({ strict: false, validateFormats: false });
  const folderOf = join(tree, ".schemas");
  for (const name of readdirSync(folderOf))
    ajv.addSchema(JSON.parse(readFileSync(join(folderOf, name), "utf8")) as object, name);
  return ajv.validate(schema, document);
}

describe("what the tree tells an editor", () => {
  test.each(MANIFESTS)("%s names in its first line a schema that accepts it, and its one object", (file) => {
    const text = read(file);
    const [, path = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? [];
    const [document, ...others] = parseAllDocuments(text).map((one) => one.toJS() as { kind: string });
    expect(others).toEqual([]);
    expect(join(dirname(file), path)).toBe(`.schemas/${document?.kind}.schema.json`);
    expect(accepts(`${document?.kind}.schema.json`, document)).toBe(true);
    expect(accepts(`${document?.kind}.schema.json`, { ...document, sepc: {} })).toBe(false);
  });

  test("its settings know a schema for files to come, in provider/ by their kind", () => {
    const settings = JSON.parse(read(".vscode/settings.json")) as { "yaml.schemas": object };
    const schemas = Object.entries(settings["yaml.schemas"]);
    for (const [schema] of schemas) expect(() => read(schema)).not.toThrow();
    expect(schemas.map(([, glob]) => glob as unknown)).toEqual(["provider/**/*.yaml", "tenants/**/*.yaml"]);
    for (const file of ["provider/hv1.yaml", "provider/t1.yaml"]) {
      const document = parseAllDocuments(read(file))[0]?.toJS() as { kind: string };
      const other = document.kind === "Tenant" ? "Hypervisor" : "Tenant";
      expect(accepts("Provider.schema.json", document)).toBe(true);
      expect(accepts("Provider.schema.json", { ...document, kind: other })).toBe(false);
    }
  });
});

describe("where something is there already", () => {
  test.each([
    ["a manifest", "tenants/t9/other.yml", "# nothing\n"],
    ["a manifest where none belongs", "notes.yaml", ""],
    ["an editor's settings", ".vscode/settings.json", "{}"],
    ["a schema", ".schemas/Tenant.schema.json", "{}"],
  ])("nothing is written: %s", (_, file, text) => {
    const directory = directoryWith({ [file]: text });
    const before = contentsOf(directory);
    const { status, stdout, stderr } = reconcile("init", directory);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(
      `${join(directory, file)} is there already; nothing was written [EK-USAGE]`,
    );
    expect(contentsOf(directory)).toBe(before);
  });

  test("nothing is written over what is no directory, and it is no bug", async () => {
    const file = join(directoryWith({ file: "kept" }), "file");
    await expect(writeFirstTree(template, file)).rejects.toMatchObject({ code: "EK-MANIFESTS" });
    expect(readFileSync(file, "utf8")).toBe("kept");
    const blocked = directoryWith({ provider: "kept" });
    await expect(writeFirstTree(template, blocked)).rejects.toMatchObject({ code: "EK-EDIT" });
    expect(readdirSync(blocked)).toEqual(["provider"]);
  });

  test("what is no manifest is no obstacle, and is left as it is", async () => {
    const directory = directoryWith({ "README.md": "# Ours\n", ".github/ci.yaml": "on: push\n" });
    await writeFirstTree(template, directory);
    expect(readFileSync(join(directory, "README.md"), "utf8")).toBe("# Ours\n");
    expect((await load(directory)).hypervisors.size).toBe(1);
  });
});

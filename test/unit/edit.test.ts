import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { asError, EvenkeelError } from "../../src/api/errors.ts";
import { cordon } from "../../src/cli/cordon.ts";
import { quoted } from "../../src/cli/edit.ts";
import { pause } from "../../src/cli/pause.ts";
import { resume } from "../../src/cli/resume.ts";
import { uncordon } from "../../src/cli/uncordon.ts";
import { parseUntil } from "../../src/cli/until.ts";
import { editText } from "../../src/manifests/edit.ts";
import { editField } from "../../src/manifests/edit-file.ts";
import { VALID, write } from "./manifests-tree.ts";

const WEB = "tenants/t1/web.yaml";

const of = (path: string, value: unknown) => ({ kind: "Subnet", name: "web", path: path.split("."), value });
const subnet = (spec: string): string => `# what it is
kind: Subnet  # of course
metadata: {name: web}
spec:
${spec}`;

/** Lines that an edit took away and put there. */
function difference(before: string, after: string): readonly string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `-${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+${line}`),
  ];
}

describe("one field is changed, and nothing else:", () => {
  // What is written, which field, what to, the lines that differ.
  test.each<[string, string, string, unknown, readonly string[]]>([
    [
      "a number, beside a comment",
      "  a: 1   # one\n  b: 2\n",
      "spec.a",
      3,
      ["-  a: 1   # one", "+  a: 3   # one"],
    ],
    ["text in quotes", "  a: 'x'\n", "spec.a", "y # z", ["-  a: 'x'", "+  a: 'y # z'"]],
    [
      "a block of text",
      "  a: |\n    x\n    y\n  b: 2\n",
      "spec.a",
      "z",
      ["-  a: |", "-    x", "-    y", '+  a: "z"'],
    ],
    ["nothing", "  a:   # none\n  b: 2\n", "spec.a", 1, ["-  a:   # none", "+  a: 1   # none"]],
    [
      "a field in braces",
      "  a: {b: 1, c: 2} # x\n",
      "spec.a.b",
      5,
      ["-  a: {b: 1, c: 2} # x", "+  a: {b: 5, c: 2} # x"],
    ],
    ["a new field at the end", "  a: 1\n  # the end\n", "spec.b", true, ["+  b: true"]],
    ["a new field in a map", "  a:\n    b: 1 # b\n  c: 2\n", "spec.a.d", { e: "f" }, ['+    d: {e: "f"}']],
    ["a new field after a block of text", "  a: |\n    x\n", "spec.b", 1, ["+  b: 1"]],
    ["a new field after a list", "  a:\n    - x\n    - y # y\n", "spec.b", 1, ["+  b: 1"]],
    ["a new field in braces", "  a: {b: 1,}\n", "spec.a.c", "x", ["-  a: {b: 1,}", '+  a: {b: 1, c: "x",}']],
    ["a new field in empty braces", "  a: {}\n", "spec.a.c", 1, ["-  a: {}", "+  a: {c: 1}"]],
    ["a new field in new maps", "  a: 1\n", "spec.b.c.d", 1, ["+  b: {c: {d: 1}}"]],
    [
      "a new field in braces over lines",
      "  a: {\n    b: 1 # b\n  }\n",
      "spec.a.c",
      1,
      ["-    b: 1 # b", "+    b: 1, c: 1 # b"],
    ],
    ["a field that goes", "  a: 1\n  b: 2 # two\n  c: 3\n", "spec.b", undefined, ["-  b: 2 # two"]],
    [
      "a map that goes",
      "  a: 1\n  b:\n    # x\n    c: 2\n  d: 3\n",
      "spec.b",
      undefined,
      ["-  b:", "-    # x", "-    c: 2"],
    ],
    [
      "the only field of a map that goes",
      "  a:\n    b: 1 # b\n",
      "spec.a.b",
      undefined,
      ["-    b: 1 # b", "+    {} # b"],
    ],
    [
      "the first in braces that goes",
      "  a: {b: 1, c: 2}\n",
      "spec.a.b",
      undefined,
      ["-  a: {b: 1, c: 2}", "+  a: {c: 2}"],
    ],
    [
      "the last in braces that goes",
      "  a: {b: 1, c: 2}\n",
      "spec.a.c",
      undefined,
      ["-  a: {b: 1, c: 2}", "+  a: {b: 1}"],
    ],
    [
      "the only one in braces that goes",
      "  a: {b: 1}\n",
      "spec.a.b",
      undefined,
      ["-  a: {b: 1}", "+  a: {}"],
    ],
    ["a field that is not there and goes", "  a: 1\n", "spec.b.c", undefined, []],
    ["a field that is as wished", "  a: {b: [1]}\n", "spec.a", { b: [1] }, []],
  ])("%s", (_name, spec, path, value, expected) => {
    const before = subnet(spec);
    const after = editText("web.yaml", before, of(path, value));
    expect(difference(before, after)).toEqual(expected);
    expect(editText("web.yaml", after, of(path, value))).toBe(after);
  });

  test("in the one document that is meant, with the file's own line ends and byte order mark", () => {
    const other = "kind: Subnet\nmetadata: {name: zoo}\nspec: {a: 1}\n";
    const before = `\u{feff}${other}---\n${subnet("  a: 1")}\n--- # next\n${other.replace("zoo", "bar")}`;
    const crlf = before.replaceAll("\n", "\r\n");
    const after = editText("web.yaml", crlf, of("spec.b", 2));
    expect(after).toBe(crlf.replace("spec:\r\n  a: 1\r\n", "spec:\r\n  a: 1\r\n  b: 2\r\n"));
  });

  test("where the file does not end with a line end", () => {
    expect(editText("web.yaml", subnet("  a: 1"), of("spec.b", 2))).toBe(subnet("  a: 1\n  b: 2"));
  });
});

describe("what cannot be changed by itself is refused, with its place:", () => {
  test.each<[string, string, string, unknown, string]>([
    ["an alias", "  x: &x {b: 1}\n  a: *x\n", "spec.a.b", 2, "web.yaml:6:6: spec.a: must not be an alias"],
    [
      "an anchor",
      "  a: &x {b: 1}\n  y: *x\n",
      "spec.a.b",
      2,
      "web.yaml:5:9: spec.a: must not have an anchor",
    ],
    [
      "an anchor in the value",
      "  a: {b: &x 1}\n  y: *x\n",
      "spec.a.b",
      2,
      "web.yaml:5:13: spec.a.b: must not have an anchor",
    ],
    [
      "an alias as the value",
      "  x: &x 1\n  a: *x\n",
      "spec.a",
      2,
      "web.yaml:6:6: spec.a: must not be an alias",
    ],
    [
      "a merged map",
      "  x: &x {b: 1}\n  a:\n    <<: *x\n    c: 1\n",
      "spec.a.b",
      2,
      'web.yaml:7:9: spec.a["<<"]: must not merge another map',
    ],
    ["a number on the way", "  a: 1\n", "spec.a.b", 2, "web.yaml:5:6: spec.a: must be a map"],
    [
      "a field that stands twice",
      "  a: 1\n  a: 2\n",
      "spec.a",
      3,
      "must declare Subnet/web once, without errors",
    ],
    [
      "a field that does not begin its line",
      "  ? a\n  : 1\n  b: 1\n",
      "spec.a",
      undefined,
      "spec.a: must begin",
    ],
  ])("%s", (_name, spec, path, value, message) => {
    const edit = (): string => editText("web.yaml", subnet(spec), of(path, value));
    expect(edit).toThrow(EvenkeelError);
    expect(edit).toThrow(message);
  });

  test("a document that is not there, or twice", () => {
    const text = subnet("  a: 1\n");
    expect(() => editText("web.yaml", `${text}---\n${text}`, of("spec.a", 2))).toThrow("once");
    expect(() => editText("web.yaml", "kind: Subnet\n", of("spec.a", 2))).toThrow("once");
  });
});

const SCALED: Readonly<Record<string, string>> = {
  ...VALID,
  [WEB]: `${VALID[WEB]}  # by load\n  autoscale:\n    thresholds: {cpu: {min: 25, max: 60}} # percent\n`,
};
const KEY = "Subnet/t1/web";

describe("an edit of a tree", () => {
  const text = (tree: string, file = WEB): string => readFileSync(join(tree, file), "utf8");
  const to = (path: string, value: unknown) => () => ({ path: path.split("."), value });

  test("is checked before it is written", async () => {
    const tree = write(SCALED);
    const error = await editField(tree, KEY, to("spec.replicas.max", 60)).catch(asError);
    expect(error).toMatchObject({ code: "EK-MANIFESTS", problems: [{ code: "EK-QUOTA", file: WEB }] });
    expect(text(tree)).toBe(SCALED[WEB]);
    const { changed, revision } = await editField(tree, KEY, to("spec.replicas.max", 9));
    expect([changed, revision.problems]).toEqual([true, []]);
    expect(difference(`${SCALED[WEB]}`, text(tree))).toEqual([
      "-  replicas: {min: 2, max: 6}",
      "+  replicas: {min: 2, max: 9}",
    ]);
  });

  test("is made beside errors that have nothing to do with it", async () => {
    const tree = write({ ...SCALED, "tenants/t2/web.yaml": "kind: [" });
    expect((await editField(tree, KEY, to("spec.replicas.max", 9))).changed).toBe(true);
  });

  test("gives way to what somebody else writes meanwhile", async () => {
    const tree = write(SCALED);
    const edit = editField(tree, KEY, () => {
      appendFileSync(join(tree, WEB), "# later\n");
      return { path: ["spec", "replicas", "max"], value: 9 };
    });
    await expect(edit).rejects.toMatchObject({ code: "EK-EDIT" });
    expect(text(tree)).toBe(`${SCALED[WEB]}# later\n`);
  });

  test("of what is not there is an error", async () => {
    await expect(editField(write(SCALED), "Subnet/t1/zoo", to("spec.a", 1))).rejects.toMatchObject({
      code: "EK-NOT-FOUND",
    });
  });
});

describe("commands that edit", () => {
  let printed = "";
  beforeEach(() => {
    printed = "";
    jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      printed += String(chunk);
      return true;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  const diff = (tree: string, file: string): readonly string[] =>
    difference(SCALED[file] ?? "", readFileSync(join(tree, file), "utf8"));

  test("pause and resume a subnet, and say how to commit it", async () => {
    const tree = write(SCALED);
    const git = (...words: string[]) => execFileSync("git", ["-C", tree, ...words], { encoding: "utf8" });
    git("init", "--quiet");
    git("config", "user.name", "a");
    git("config", "user.email", "a@b");
    git("add", ".");
    git("commit", "--quiet", "-m", "First");
    const reason = "it's $(touch x); `disk`";
    const options = { namespace: "t1", reason, until: "2099-12-01T18:00:00+01:00" };
    expect(await pause("subnet/web", tree, options)).toBe(0);
    expect(diff(tree, WEB)).toEqual([`+    pause: {reason: "${reason}", until: "2099-12-01T17:00:00Z"}`]);
    expect(printed).toContain("t1/web is paused until 2099-12-01T17:00:00Z: changed");
    // What is printed does what it says, word for word.
    execFileSync("sh", ["-c", printed.slice(printed.indexOf("Next:\n") + 6)], { stdio: "ignore" });
    expect(git("log", "-1", "--format=%s").trim()).toBe(`Pause t1/web: ${reason}`);
    expect(git("status", "--porcelain")).toBe("");
    printed = "";
    expect(await pause("subnet/web", tree, options)).toBe(0);
    expect(printed).toBe("t1/web is paused until 2099-12-01T17:00:00Z already.\n");

    expect(await resume("subnet/web", tree, { namespace: "t1" })).toBe(0);
    expect(diff(tree, WEB)).toEqual([]);
    printed = "";
    expect(await resume("subnet/web", tree, { namespace: "t1" })).toBe(0);
    expect(printed).toBe("t1/web is not paused already.\n");
  });

  test("pause what can be paused alone", async () => {
    const tree = write(SCALED);
    await expect(pause("subnet/web", tree, { namespace: "t2", reason: "x" })).rejects.toMatchObject({
      code: "EK-USAGE",
    });
    await expect(pause("tenant/t2", tree, { reason: "x" })).rejects.toMatchObject({ code: "EK-USAGE" });
  });

  test("cordon and uncordon a hypervisor", async () => {
    const tree = write(SCALED);
    const file = "provider/hv2.yaml";
    await cordon("hypervisor/hv2", tree);
    expect(diff(tree, file)).toEqual(["+  unschedulable: true"]);
    expect(printed).toContain("hv2 is cordoned: changed");
    printed = "";
    await cordon("hv/hv2", tree);
    expect(printed).toBe("hv2 is cordoned already.\n");
    await uncordon("hypervisor/hv2", tree);
    expect(diff(tree, file)).toEqual([]);
    printed = "";
    await uncordon("hypervisor/hv2", tree);
    expect(printed).toBe("hv2 is not cordoned already.\n");
    writeFileSync(join(tree, file), `${SCALED[file]}  unschedulable: false\n`);
    await uncordon("hypervisor/hv2", tree);
    expect(diff(tree, file)).toEqual(["+  unschedulable: false"]);
    rmSync(join(tree, file));
    await expect(cordon("hypervisor/hv2", tree)).rejects.toMatchObject({ code: "EK-NOT-FOUND" });
  });
});

test("when a pause ends", () => {
  const now = new Date(2026, 10, 24, 17, 30).getTime();
  const at = (...parts: readonly [number, number]): string =>
    `${new Date(2026, 10, parts[0], parts[1]).toISOString().slice(0, 19)}Z`;
  expect(parseUntil("18:00", now)).toBe(at(24, 18));
  expect(parseUntil("17:00", now)).toBe(at(25, 17));
  expect(parseUntil("2h", now - 30 * 60_000)).toBe(at(24, 19));
  for (const wrong of ["soon", "24:00", "2026-11-01T00:00:00Z", "2027-13-01T00:00:00Z", "2027-01-01"])
    expect(() => parseUntil(wrong, now)).toThrow(EvenkeelError);
});

test("a word for a shell", () => {
  expect(["a/b-c.yaml", "a b", "it's", ""].map(quoted)).toEqual(["a/b-c.yaml", "'a b'", `'it'\\''s'`, "''"]);
});

import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { asError } from "../../src/api/errors.ts";
import { parseAssignments } from "../../src/cli/assignment.ts";
import { set, type SetOptions } from "../../src/cli/set.ts";
import { editFields } from "../../src/manifests/edit-file.ts";
import { flowLike, readScalar } from "../../src/manifests/flow.ts";
import { VALID, write } from "./manifests-tree.ts";

const WEB = "tenants/t2/web.yaml";
const TEXT = `# The web of t2
apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: web}
spec:
  cidr:     10.13.13.0/24   # aligned
  replicas: {max: 6, min: 2} # the other way round
  workload:
    image: 'evenkeel/web:1'
    resources: {cpu: 200m, memory: "64Mi"}
  autoscale:
    # by load
    thresholds:
      cpu: {min: 25, max: 60} # percent
    pause: {reason: "disk swap"}
`;
const FILES = { ...VALID, [WEB]: TEXT };

let printed = "";
let told = "";
beforeEach(() => {
  [printed, told] = ["", ""];
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    printed += String(chunk);
    return true;
  });
  jest.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    told += String(chunk);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

const text = (tree: string, file = WEB): string => readFileSync(join(tree, file), "utf8");
const setWeb = async (tree: string, words: readonly string[], options: SetOptions = {}): Promise<number> =>
  set("subnet/web", [...words, tree], { namespace: "t2", ...options });
const refused = async (tree: string, words: readonly string[], options: SetOptions = {}): Promise<Error> => {
  const before = text(tree);
  const error = await setWeb(tree, words, options).then(() => new Error("it was not refused"), asError);
  expect(text(tree)).toBe(before);
  return error;
};

describe("what is given", () => {
  test.each<[string, unknown]>([
    ["70", 70],
    ["1.5", 1.5],
    ["true", true],
    ["yes", "yes"],
    ["500m", "500m"],
    ['"70"', "70"],
    ["'a: b'", "a: b"],
    ['"a\\tb"', "a\tb"],
    ["10.13.13.0/24", "10.13.13.0/24"],
    ["2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"],
    ["a=b", "a=b"],
  ])("%s is one value", (word, value) => {
    expect(parseAssignments([`a.b=${word}`]).fields).toEqual([{ path: ["spec", "a", "b"], value }]);
  });

  test.each([
    "[1]",
    "{a: 1}",
    "a: b",
    "a # b",
    "&x 1",
    "*x",
    "!!str 1",
    "--- 1\n--- 2",
    '"a',
    ".inf",
    "12345678901234567890",
  ])("%s is refused as a value", (word) => {
    expect(() => readScalar(word)).toThrow(expect.objectContaining({ code: "EK-USAGE" }));
  });

  test("fields below spec, and the directory last", () => {
    expect(parseAssignments(["spec.a=1", "b.c-d-", "m"])).toEqual({
      fields: [
        { path: ["spec", "a"], value: 1 },
        { path: ["spec", "b", "c-d"], value: undefined },
      ],
      directory: "m",
    });
    expect(parseAssignments(["a=1"]).directory).toBe("./manifests");
    expect(parseAssignments(["a=1", "./b=2"]).directory).toBe("./b=2");
  });

  test("a field without a value, with how to take it away", () => {
    expect(() => parseAssignments(["a="])).toThrow("a has no value");
  });

  test.each<readonly string[]>([
    [],
    ["m"],
    ["m", "a=1"],
    ["spec=1"],
    ["a[0]=1"],
    ["a..b=1"],
    ["=1"],
    ["-"],
    ["a=1", "a-"],
    ["a.b=1", "a=1"],
  ])("%j %j is refused", (...words) => {
    expect(() => parseAssignments(words)).toThrow(expect.objectContaining({ code: "EK-USAGE" }));
  });
});

describe("set changes what it is told and nothing else", () => {
  test("several fields at once, with old and new", async () => {
    const tree = write(FILES);
    const words = [
      "autoscale.thresholds.cpu.max=70",
      "spec.autoscale.cooldownSeconds=30",
      "update.maxSurge=2",
    ];
    expect(await setWeb(tree, [...words, "replicas.max=6", "autoscale.pause-"])).toBe(0);
    expect(text(tree)).toBe(
      TEXT.replace("max: 60}", "max: 70}")
        .replace('    pause: {reason: "disk swap"}\n', "    cooldownSeconds: 30\n")
        .concat("  update: {maxSurge: 2}\n"),
    );
    expect(printed).toBe(`t2/web is as asked: changed ${join(tree, WEB)}
  autoscale.thresholds.cpu.max: 60 → 70
  autoscale.cooldownSeconds: 60 (default) → 30
  update.maxSurge: 1 (default) → 2
  replicas.max: 6
  autoscale.pause: {reason: "disk swap"} → not set
Next: reconcile plan ${tree}
`);
    printed = "";
    const written = text(tree);
    expect(await setWeb(tree, ["autoscale.cooldownSeconds=30", "autoscale.pause-"])).toBe(0);
    expect(printed).toBe(
      "t2/web is as asked already.\n  autoscale.cooldownSeconds: 30\n  autoscale.pause: not set\n",
    );
    expect(text(tree)).toBe(written);
  });

  test("in the quotes and at the place of what was there", async () => {
    const tree = write(FILES);
    const words = ["cidr=10.13.14.0/24", "workload.image=evenkeel/web:2", "workload.resources.cpu=500m"];
    await setWeb(tree, [...words, "workload.resources.memory=96Mi"]);
    expect(text(tree)).toBe(
      TEXT.replace("13.0/24", "14.0/24")
        .replace("web:1'", "web:2'")
        .replace("200m", "500m")
        .replace("64Mi", "96Mi"),
    );
  });

  test("of a tenant and of a hypervisor, in the provider's files", async () => {
    const tree = write(FILES);
    await set("tenant/t2", ["quota.replicas=8", tree], {});
    expect(text(tree, "provider/t2.yaml")).toBe(`${VALID["provider/t2.yaml"]}  quota: {replicas: 8}\n`);
    await set("hv/hv2", ["unschedulable=true", tree], {});
    expect(text(tree, "provider/hv2.yaml")).toBe(`${VALID["provider/hv2.yaml"]}  unschedulable: true\n`);
    await expect(set("replica/web-1", ["a=1", tree], { namespace: "t2" })).rejects.toMatchObject({
      code: "EK-USAGE",
    });
    await expect(set("tenant/t9", ["a=1", tree], {})).rejects.toMatchObject({ code: "EK-NOT-FOUND" });
  });

  test("in one of several documents, with the file's line ends, behind a link", async () => {
    const zoo = TEXT.replace("name: web", "name: zoo").replace("13.13.0", "13.14.0");
    const both = `${zoo}---\n${TEXT}`.replaceAll("\n", "\r\n");
    const tree = write({ ...VALID, [WEB]: both });
    renameSync(join(tree, WEB), join(tree, "tenants/t2/real"));
    symlinkSync("real", join(tree, WEB));
    await setWeb(tree, ["replicas.max=7", "drain.stopSeconds=5"]);
    const [first, second = ""] = both.split("---\r\n");
    const changed = second.replace("max: 6", "max: 7").concat("  drain: {stopSeconds: 5}\r\n");
    expect(text(tree, "tenants/t2/real")).toBe(`${first}---\r\n${changed}`);
    expect(readFileSync(join(tree, WEB), "utf8")).toBe(text(tree, "tenants/t2/real"));
  });

  test("keeps what it prints within 80 columns", async () => {
    const tree = write(FILES);
    const reason = "very ".repeat(20);
    await setWeb(tree, [`autoscale.pause.reason="${reason}short"`]);
    expect(printed).toContain(
      '\n  autoscale.pause.reason: "disk swap" → "very very very very very very ve…\n',
    );
    printed = "";
    await setWeb(tree, [
      `autoscale.pause.reason="${reason}long"`,
      "workload.image=registry.example/team/web:1",
    ]);
    const lines = printed.split("\n").filter((line) => !line.includes(tree));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.slice(0, 2)).toEqual([
      "  autoscale.pause.reason:",
      '    "very very very very very very ve… → "very very very very very very ve…',
    ]);
  });
});

describe("nothing is written", () => {
  test("where the manifests would not be valid; places are those of the edited text", async () => {
    const tree = write(FILES);
    const words = ["replicas.max=7", "autoscale.cooldownSecond=30", "replicas.min=9"];
    expect(await refused(tree, words)).toMatchObject({ code: "EK-MANIFESTS" });
    expect(told).toContain(`${WEB}:16:5:`);
    expect(told).toContain('did you mean "cooldownSeconds"?');
    expect(told).toContain(`${WEB}:7:27:`);
    expect(printed).toBe("");
  });

  test("where a rule across documents does not hold", async () => {
    const tree = write(FILES);
    const error = await set("tenant/t2", ["primary=hv3", tree], {}).catch(asError);
    expect(error).toMatchObject({ code: "EK-MANIFESTS", problems: [{ code: "EK-REFERENCE" }] });
    expect(text(tree, "provider/t2.yaml")).toBe(VALID["provider/t2.yaml"]);
  });

  test("where the document has errors as it is, which are shown", async () => {
    const tree = write({ ...FILES, [WEB]: TEXT.replace("min: 2", "mix: 2") });
    expect(await refused(tree, ["replicas.max=7"])).toMatchObject({ code: "EK-MANIFESTS" });
    expect(told).toContain(`${WEB}:7:22: spec.replicas.mix:`);
  });

  test("where no such field can be taken away", async () => {
    const error = await refused(write(FILES), ["autoscale.cooldownSecond-"]);
    expect(error).toMatchObject({ code: "EK-USAGE", fix: 'did you mean "cooldownSeconds"?' });
  });

  const anchored = TEXT.replace("min: 2}", "min: &b 2}")
    .replace("resources: {", "resources: &r {")
    .replace("{min: 25,", "{min: *b,");
  test.each([
    [
      "an anchor above",
      ["replicas.max=7", "workload.resources.cpu=1"],
      `${WEB}:10:19: spec.workload.resources: must not have an anchor`,
    ],
    ["an anchor at it", ["replicas.min=1"], `${WEB}:7:30: spec.replicas.min: must not have an anchor`],
    [
      "an alias at it",
      ["workload.hint=1", "autoscale.thresholds.cpu.min=20"],
      `${WEB}:14:18: spec.autoscale.thresholds.cpu.min: must not be an alias`,
    ],
  ])("where there is %s", async (_name, words, place) => {
    const error = await refused(write({ ...FILES, [WEB]: anchored }), words);
    expect(error).toMatchObject({ code: "EK-EDIT" });
    expect(error.message).toContain(place);
    expect(error.message).toContain("used elsewhere too");
  });

  test("where somebody else writes meanwhile", async () => {
    const tree = write(FILES);
    const beforeWriting = async (path: string): Promise<void> => {
      await Promise.resolve();
      appendFileSync(path, "# later\n");
    };
    const fields = [{ path: ["spec", "replicas", "max"], value: 7 }];
    const edit = editFields(tree, "Subnet/t2/web", () => fields, { beforeWriting });
    await expect(edit).rejects.toMatchObject({ code: "EK-EDIT" });
    expect(text(tree)).toBe(`${TEXT}# later\n`);
  });
});

test.each([
  ["a", "b c", '"b c"'],
  ["a", "70", '"70"'],
  ["a", "true", '"true"'],
  ["a", "b#c:d/e", '"b#c:d/e"'],
  ["'a'", "it's", "'it''s'"],
  ["'a'", "a\nb", '"a\\nb"'],
  ['"a"', "b", '"b"'],
  ["1", "b", "b"],
])("in the place of %s, %j is written %s", async (before, value, expected) => {
  const { parseDocument } = await import("yaml");
  expect(flowLike(parseDocument(before).contents, value)).toBe(expected);
});

describe("--commit", () => {
  const environment = { ...process.env };
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith("GIT_")) delete process.env[name];
    process.env.GIT_CONFIG_GLOBAL = "/dev/null";
    process.env.GIT_CONFIG_NOSYSTEM = "1";
  });
  afterEach(() => {
    process.env = { ...environment };
  });

  function checkout(files: Readonly<Record<string, string>> = FILES) {
    const tree = write(files);
    const git = (...words: string[]): string =>
      execFileSync("git", ["-C", tree, ...words], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      }).trim();
    git("init", "--quiet", "--initial-branch=main");
    git("config", "user.name", "web-team");
    git("config", "user.email", "w@example.org");
    git("add", ".");
    git("commit", "--quiet", "-m", "First");
    return { tree, git };
  }
  const MAX = ["autoscale.thresholds.cpu.max=70"];

  test("commits the file alone, whatever else is staged", async () => {
    const { tree, git } = checkout();
    appendFileSync(join(tree, "provider/hv1.yaml"), "# staged\n");
    git("add", ".");
    appendFileSync(join(tree, "provider/hv2.yaml"), "# not staged\n");
    expect(await setWeb(tree, MAX, { commit: true })).toBe(0);
    const subject = "Set autoscale.thresholds.cpu.max of t2/web to 70";
    expect(git("log", "-1", "--format=%B")).toBe(subject);
    expect(git("show", "--format=", "--name-only")).toBe(WEB);
    expect(git("show", `HEAD:${WEB}`)).toContain("max: 70");
    expect(git("status", "--porcelain").split("\n")).toEqual([
      "M  provider/hv1.yaml",
      " M provider/hv2.yaml",
    ]);
    const hash = git("rev-parse", "--short", "HEAD");
    expect(printed.split("\n").slice(-3)).toEqual([
      `Committed ${hash}: ${subject}`,
      `Next: reconcile plan ${tree}`,
      "",
    ]);
    // Nothing to write is nothing to commit.
    expect(await setWeb(tree, MAX, { commit: true })).toBe(0);
    expect(git("rev-parse", "--short", "HEAD")).toBe(hash);
  });

  test("takes the file's name for a name, and no file beside it", async () => {
    const zoo = TEXT.replace("name: web", "name: zoo").replace("13.13.0", "13.14.0");
    const { [WEB]: _web, ...others } = FILES;
    const { tree, git } = checkout({ ...others, "tenants/t2/*.yaml": TEXT, "tenants/t2/!.yaml": zoo });
    git("update-index", "--assume-unchanged", "tenants/t2/!.yaml");
    writeFileSync(join(tree, "tenants/t2/zoo.yaml"), "# not in git\n");
    expect(await setWeb(tree, MAX, { commit: true })).toBe(0);
    expect(git("show", "--format=", "--name-only")).toBe("tenants/t2/*.yaml");
    expect(git("status", "--porcelain")).toBe("?? tenants/t2/zoo.yaml");
  });

  test("says in one message all that is changed", async () => {
    const { tree, git } = checkout();
    await setWeb(tree, [...MAX, "replicas.max=6", "autoscale.pause-"], { commit: true });
    expect(git("log", "-1", "--format=%B")).toBe(`Change 2 fields of t2/web

- Set autoscale.thresholds.cpu.max of t2/web to 70
- Take autoscale.pause from t2/web`);
  });

  test("without it, what is printed does so word for word", async () => {
    const { tree, git } = checkout();
    await setWeb(tree, ["autoscale.pause.reason=it's $(touch x)"]);
    const [plan, ...commands] = printed.slice(printed.indexOf("Next:\n") + 6).split("\n");
    expect(plan).toBe(`  reconcile plan ${tree}`);
    execFileSync("sh", ["-c", commands.join("\n")], { stdio: "ignore" });
    expect(git("log", "-1", "--format=%s")).toBe(`Set autoscale.pause.reason of t2/web to "it's $(touch x)"`);
    expect(git("status", "--porcelain")).toBe("");
  });

  type Spoil = (made: ReturnType<typeof checkout>) => void;
  test.each<[string, Spoil, string]>([
    ["other changes", ({ tree }) => appendFileSync(join(tree, WEB), "# mine\n"), "has other changes"],
    [
      "staged changes",
      ({ tree, git }) => {
        appendFileSync(join(tree, WEB), "# mine\n");
        git("add", ".");
        writeFileSync(join(tree, WEB), TEXT);
      },
      "has other changes",
    ],
    [
      "changes that git is told not to see",
      ({ tree, git }) => {
        appendFileSync(join(tree, WEB), "# mine\n");
        git("update-index", "--assume-unchanged", WEB);
      },
      "is not kept in git",
    ],
    [
      "a file that git does not know",
      ({ git }) => git("rm", "--quiet", "--cached", WEB),
      "is not kept in git",
    ],
    [
      "an unfinished merge",
      ({ git }) =>
        writeFileSync(join(git("rev-parse", "--absolute-git-dir"), "MERGE_HEAD"), git("rev-parse", "HEAD")),
      "has not finished a merge",
    ],
    [
      "a git at work",
      ({ git }) => writeFileSync(join(git("rev-parse", "--absolute-git-dir"), "index.lock"), ""),
      "has not finished an operation",
    ],
    [
      "a program of git's configuration",
      ({ tree }) => writeFileSync(join(tree, ".git/info/attributes"), "*.yaml filter=crypt\n"),
      "goes through a program of git's configuration, crypt",
    ],
    [
      "nobody to commit as",
      ({ git }) => {
        git("config", "--unset", "user.email");
        git("config", "user.useConfigOnly", "true");
      },
      "Author identity unknown",
    ],
    [
      "no checkout",
      ({ tree }) => renameSync(join(tree, ".git"), join(tree, ".gone")),
      "not a git repository",
    ],
  ])("is refused beside %s", async (_name, spoil, message) => {
    const made = checkout();
    spoil(made);
    const error = await refused(made.tree, MAX, { commit: true });
    expect(error).toMatchObject({ code: "EK-COMMIT" });
    expect(error.message).toContain(message);
    expect(error.message).toContain("nothing was written");
  });

  test("says so where git refuses after all", async () => {
    const { tree, git } = checkout();
    // A branch below the current one's name: its new value cannot be written.
    git("pack-refs", "--all");
    mkdirSync(join(tree, ".git/refs/heads/main/x"), { recursive: true });
    writeFileSync(join(tree, ".git/refs/heads/main/x/y"), "");
    const error = await setWeb(tree, MAX, { commit: true }).catch(asError);
    expect(error).toMatchObject({ code: "EK-COMMIT" });
    expect(asError(error).message).toContain("is changed, but not committed");
    expect(text(tree)).toContain("max: 70");
  });

  test("starts no program of the checkout's", async () => {
    const { tree, git } = checkout();
    const witness = join(tree, "started");
    const program = join(tree, "program");
    writeFileSync(program, `#!/bin/sh\necho "$0 $*" >>'${witness}'\n`);
    chmodSync(program, 0o755);
    const hooks = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-index-change"];
    mkdirSync(join(tree, "hooks"));
    for (const name of [...hooks, "reference-transaction", "pre-auto-gc"]) {
      symlinkSync(program, join(tree, "hooks", name));
      symlinkSync(program, join(tree, ".git/hooks", name));
    }
    git("config", "core.hooksPath", "hooks");
    const keys = [
      "core.editor",
      "core.fsmonitor",
      "core.pager",
      "sequence.editor",
      "gpg.program",
      "diff.external",
    ];
    for (const key of keys) git("config", key, program);
    git("config", "commit.gpgSign", "true");
    git("config", "log.showSignature", "true");
    // A commit that says that it is signed is shown to gpg.
    const [head = "", ...rest] = git("cat-file", "commit", "HEAD").split("\n\n");
    const signature = ["gpgsig -----BEGIN PGP SIGNATURE-----", " ", " x", " -----END PGP SIGNATURE-----"];
    const object = join(tree, ".git/object");
    writeFileSync(object, `${[head, ...signature].join("\n")}\n\n${rest.join("\n\n")}\n`);
    git("update-ref", "HEAD", git("hash-object", "-t", "commit", "-w", object));
    // It is there when git is left to itself.
    expect(() => git("commit", "--quiet", "--allow-empty", "-m", "Second")).toThrow();
    expect(existsSync(witness)).toBe(true);
    writeFileSync(witness, "");
    process.env.GIT_TRACE = join(tree, ".git/trace");
    expect(await setWeb(tree, MAX, { commit: true })).toBe(0);
    expect(readFileSync(witness, "utf8")).toBe("");
    expect(printed).toContain("Committed ");
    expect(readFileSync(process.env.GIT_TRACE, "utf8")).not.toContain("maintenance run");
  });
});

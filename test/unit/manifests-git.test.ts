import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { load } from "../../src/manifests/load.ts";
import { gitDirectoryOf } from "../../src/manifests/git.ts";
import { short, VALID, write } from "./manifests-tree.ts";

const WEB = "tenants/t2/web.yaml";

/** A work tree with one commit, and a way to ask git there. */
function checkout(files: Readonly<Record<string, string>> = VALID) {
  const root = write(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`fleet/${path}`, text])),
  );
  const git = (...words: string[]): string =>
    execFileSync(
      "git",
      ["-C", root, "-c", "user.name=web-team", "-c", "user.email=w@example.org", ...words],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
  git("init", "--quiet", "--initial-branch=main");
  git("add", ".");
  git("commit", "--quiet", "-m", "First");
  return { root, tree: join(root, "fleet"), git };
}

const change = (tree: string, from: string, to: string): void =>
  writeFileSync(join(tree, WEB), `${VALID[WEB]}`.replace(from, to));

/** Two branches that change the same line: neither can be merged into the other. */
function conflict() {
  const { git, tree, root } = checkout();
  git("switch", "--quiet", "-c", "other");
  change(tree, "max: 6", "max: 7");
  git("commit", "--quiet", "-am", "Seven");
  git("switch", "--quiet", "main");
  change(tree, "max: 6", "max: 8");
  git("commit", "--quiet", "-am", "Eight");
  return { root, tree, git };
}

const read = async (tree: string) => {
  const { complete, problems } = await load(tree);
  return { complete, problems: problems.filter(({ code }) => code === "EK-UNSETTLED").map(short) };
};
const AT_REST = { complete: true, problems: [] };

describe("what git has not finished leaves the tree incomplete, and says so:", () => {
  test.each([
    ["a merge", ["merge", "other"], ["merge", "--abort"], "MERGE_HEAD"],
    ["a rebase", ["rebase", "other"], ["rebase", "--abort"], "rebase-merge"],
    ["a rebase by patches", ["rebase", "--apply", "other"], ["rebase", "--abort"], "rebase-apply"],
    ["a cherry-pick", ["cherry-pick", "other"], ["cherry-pick", "--abort"], "CHERRY_PICK_HEAD"],
    ["a revert", ["revert", "--no-edit", "HEAD~1"], ["revert", "--abort"], "REVERT_HEAD"],
    ["a bisection", ["bisect", "start"], ["bisect", "reset"], "BISECT_LOG"],
  ])("%s", async (name, begin, giveUp, trace) => {
    const { git, tree } = conflict();
    if (name === "a revert") {
      change(tree, "max: 6", "max: 9");
      git("commit", "--quiet", "-am", "Nine");
    }
    expect(await read(tree)).toEqual(AT_REST);
    try {
      git(...begin);
    } catch {
      // A conflict is what is wanted.
    }
    expect(await read(tree)).toEqual({
      complete: false,
      problems: [`../.git/${trace}:1:1:  EK-UNSETTLED (warning)`],
    });
    git(...giveUp);
    expect(await read(tree)).toEqual(AT_REST);
  });

  test("a work tree of its own has a directory of its own", async () => {
    const { git, root, tree } = conflict();
    const other = join(root, "..", `${root}-linked`);
    git("worktree", "add", "--quiet", other, "other");
    try {
      expect(await gitDirectoryOf(join(other, "fleet"))).toBe(
        git("-C", other, "rev-parse", "--absolute-git-dir").trim(),
      );
      expect(() => git("-C", other, "merge", "main")).toThrow();
      expect((await read(join(other, "fleet"))).complete).toBe(false);
      expect(await read(tree)).toEqual(AT_REST);
    } finally {
      rmSync(other, { recursive: true });
    }
  });
});

describe("git's lock", () => {
  const lock = (root: string, secondsAgo: number): string => {
    const path = join(root, ".git/index.lock");
    writeFileSync(path, "");
    const time = Date.now() / 1000 - secondsAgo;
    utimesSync(path, time, time);
    return path;
  };
  const said = ["../.git/index.lock:1:1:  EK-UNSETTLED (warning)"];

  test("leaves the tree incomplete while git may be at work", async () => {
    const { root, tree } = checkout();
    const path = lock(root, 1);
    expect(await read(tree)).toEqual({ complete: false, problems: said });
    rmSync(path);
    expect(await read(tree)).toEqual(AT_REST);
  });

  test("that was left behind is told, and holds nothing up when the tree is as its commit says", async () => {
    const { root, tree } = checkout();
    lock(root, 3600);
    expect(await read(tree)).toEqual({ complete: true, problems: said });
    rmSync(join(tree, WEB));
    expect(await read(tree)).toEqual({ complete: false, problems: said });
    const [problem] = (await load(tree)).problems;
    expect(problem?.suggestion).toContain("remove the file");
  });

  test("and a tenant that is missing meanwhile is not gone: its subnets are no error", async () => {
    const { root, tree } = checkout();
    lock(root, 1);
    rmSync(join(tree, "provider/t2.yaml"));
    const { problems, complete } = await load(tree);
    expect([complete, problems.map(({ severity }) => severity)]).toEqual([false, ["warning"]]);
  });
});

describe("a tree that changes while it is read", () => {
  /** Lets a pipe of ours write to the tree between two readings: git is asked once for each. */
  const withGit = async (tree: string, script: string, work: () => Promise<void>): Promise<void> => {
    const bin = write({ git: `#!/bin/sh\ncd '${tree}' || exit 1\n${script}\nexit 1\n` });
    chmodSync(join(bin, "git"), 0o755);
    const { PATH } = process.env;
    process.env["PATH"] = `${bin}:${PATH}`;
    try {
      await work();
    } finally {
      process.env["PATH"] = PATH;
    }
  };

  test("is read again until it is at rest", async () => {
    const tree = write(VALID);
    const once =
      "[ -e .done ] || { sed -i s/min:.2,.max:.6/min:\\ 3,\\ max:\\ 6/ tenants/t2/web.yaml; : >.done; }";
    await withGit(tree, once, async () => {
      const { complete, problems, documents } = await load(tree);
      expect([complete, problems]).toEqual([true, []]);
      expect(documents.get("Subnet/t2/web")?.object).toMatchObject({ spec: { replicas: { min: 3 } } });
    });
  });

  test("and never is at rest is taken as incomplete", async () => {
    const tree = write(VALID);
    await withGit(tree, "echo '#' >>provider/hv1.yaml", async () => {
      expect(await read(tree)).toEqual({ complete: false, problems: [".:1:1:  EK-UNSETTLED (warning)"] });
    });
  });

  test("a folder that git does not know has no directory of git's", async () => {
    const tree = write(VALID);
    mkdirSync(join(tree, "deep"));
    expect(await gitDirectoryOf(join(tree, "deep"))).toBeUndefined();
  });
});

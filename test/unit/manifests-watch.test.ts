import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../src/clock/clock.ts";
import { type TreeWatch, watchTree, type WatchOptions } from "../../src/manifests/watch.ts";
import { VALID, write } from "./manifests-tree.ts";

const WEB = "tenants/t1/web.yaml";
const open: TreeWatch[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((watch) => watch.close()));
});

/** Watches, and waits for hints. What is waited for must show when a hint comes, as it would to who reads the tree then. */
async function watching(directory: string, options: WatchOptions = {}) {
  let hints = 0;
  const waiting = new Set<() => void>();
  const hinted = (): void => {
    hints += 1;
    for (const look of waiting) look();
  };
  open.push(await watchTree(directory, hinted, options));
  return {
    hints: () => hints,
    /** Resolves with the first hint at which this holds. */
    until: async (holds: () => boolean) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (!holds()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
      }),
  };
}

/** A file that a reader finds only behind what the test is about. */
const says = (file: string, text: string) => (): boolean =>
  existsSync(file) && readFileSync(file, "utf8").includes(text);

describe("a hint comes", () => {
  test("when a file is written, made, renamed into place and taken away", async () => {
    const tree = write(VALID);
    const { until } = await watching(tree);
    const file = join(tree, WEB);
    const changes: readonly [change: () => void, shows: () => boolean][] = [
      [() => appendFileSync(file, "# more\n"), says(file, "# more")],
      [
        () => writeFileSync(join(tree, "tenants/t1/new.yaml"), "x"),
        says(join(tree, "tenants/t1/new.yaml"), "x"),
      ],
      [
        () => {
          // as editors do
          writeFileSync(join(tree, "tenants/t1/.web.yaml.swp"), "# renamed");
          renameSync(join(tree, "tenants/t1/.web.yaml.swp"), file);
        },
        says(file, "# renamed"),
      ],
      [() => appendFileSync(file, "# and then written to"), says(file, "# and then written to")],
      [() => rmSync(file), () => !existsSync(file)],
      [() => rmSync(join(tree, "tenants"), { recursive: true }), () => !existsSync(join(tree, "tenants"))],
      [
        () => {
          mkdirSync(join(tree, "tenants/t3/deep"), { recursive: true });
          writeFileSync(join(tree, "tenants/t3/deep/a.yaml"), "y");
        },
        says(join(tree, "tenants/t3/deep/a.yaml"), "y"),
      ],
    ];
    for (const [change, shows] of changes) {
      const seen = until(shows);
      change();
      await seen;
    }
  });

  test("when a link on the way is pointed elsewhere, and for what changes there afterwards", async () => {
    const root = write({});
    for (const name of ["one", "two", "three"]) {
      const tree = join(root, ".worktrees", name, "fleet");
      mkdirSync(tree, { recursive: true });
      writeFileSync(join(tree, "a.yaml"), name);
    }
    const swap = (name: string): void => {
      symlinkSync(join(".worktrees", name), join(root, "next"));
      renameSync(join(root, "next"), join(root, "current"));
    };
    swap("one");
    const file = join(root, "current/fleet/a.yaml");
    const { until } = await watching(join(root, "current/fleet"));
    for (const name of ["two", "three"]) {
      const swapped = until(says(file, name));
      swap(name);
      await swapped;
      const changed = until(says(file, `${name} changed`));
      writeFileSync(file, `${name} changed`);
      await changed;
    }
  });

  test("when the directory goes and comes again, with what it lies in", async () => {
    const root = write({});
    const tree = join(root, "a/b");
    const file = join(tree, "provider/hv1.yaml");
    const { until } = await watching(tree);
    for (const round of ["first", "second"]) {
      const made = until(says(file, round));
      mkdirSync(join(tree, "provider"), { recursive: true });
      writeFileSync(file, round);
      await made;
      const changed = until(says(file, "more"));
      appendFileSync(file, "more");
      await changed;
      const gone = until(() => !existsSync(tree));
      rmSync(join(root, "a"), { recursive: true });
      await gone;
    }
    const renamed = until(says(file, "from elsewhere"));
    const other = write({ "b/provider/hv1.yaml": "from elsewhere" });
    renameSync(other, join(root, "a"));
    await renamed;
  });

  test("when git checks out many files, and when a commit changes none", async () => {
    const root = write({});
    const tree = join(root, "fleet");
    cpSync(write(VALID), tree, { recursive: true });
    const git = (...words: string[]): string =>
      execFileSync("git", ["-C", root, "-c", "user.name=a", "-c", "user.email=a@b", ...words], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    git("init", "--quiet", "--initial-branch=main");
    git("add", ".");
    git("commit", "--quiet", "-m", "Few");
    git("switch", "--quiet", "-c", "many");
    const names = Array.from({ length: 200 }, (_, index) => join(tree, `tenants/t1/many-${index}.yaml`));
    for (const name of names) writeFileSync(name, "z");
    git("add", ".");
    git("commit", "--quiet", "-m", "Many");
    git("switch", "--quiet", "main");

    const { until } = await watching(tree);
    const many = until(() => names.every((name) => existsSync(name)));
    git("switch", "--quiet", "many");
    await many;
    const subject = (): string => git("log", "-1", "--format=%s").trim();
    const committed = until(() => subject() === "Nothing new");
    git("commit", "--quiet", "--allow-empty", "-m", "Nothing new");
    await committed;
  });

  test("not for what is hidden, nor for what a link out of the tree leads to", async () => {
    const outside = write({ "a.yaml": "" });
    const tree = write(VALID);
    let changes = 0;
    const clock: Clock = {
      ...systemClock,
      schedule(action, milliseconds) {
        changes += 1;
        return systemClock.schedule(action, milliseconds);
      },
    };
    const { until } = await watching(tree, { clock });
    /** Resolves with the hint, which comes when all has been quiet. */
    const written = async (name: string): Promise<void> => {
      const hint = until(() => true);
      writeFileSync(join(tree, "provider", name), "");
      await hint;
    };
    symlinkSync(outside, join(tree, "provider/outside"));
    await written("first.yaml");
    const before = changes;
    writeFileSync(join(outside, "a.yaml"), "changed");
    writeFileSync(join(tree, "provider/.hidden.yaml"), "changed");
    mkdirSync(join(tree, ".cache"));
    writeFileSync(join(tree, ".cache/a.yaml"), "changed");
    await written("second.yaml");
    expect(changes - before).toBe(1);
  });
});

/** A clock that stands still, and runs what is due when it is told to. */
function stoppedClock() {
  let now = 0;
  let due: { readonly action: () => void; readonly at: number } | undefined;
  const clock: Clock = {
    ...systemClock,
    now: () => now,
    schedule(action, milliseconds) {
      const own = { action, at: now + milliseconds };
      due = own;
      return () => {
        if (due === own) due = undefined;
      };
    },
  };
  return {
    clock,
    due: () => due?.at,
    to: (time: number): void => {
      now = time;
      const { action, at = Number.POSITIVE_INFINITY } = due ?? {};
      if (at > now) return;
      due = undefined;
      action?.();
    },
  };
}

test("a hint waits for quiet, but not for ever", async () => {
  const tree = write(VALID);
  const { clock, due, to } = stoppedClock();
  const { until, hints } = await watching(tree, { clock });
  /** Changes something that was not changed before, and waits until that has put the hint off. */
  const change = async (time: number, expected: number): Promise<void> => {
    to(time);
    writeFileSync(join(tree, `tenants/t1/at-${time}.yaml`), "");
    for (let turns = 0; due() !== expected && turns < 100_000; turns += 1)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    expect(due()).toBe(expected);
  };
  for (let time = 1000; time < 3000; time += 160) await change(time, Math.min(time + 200, 3000));
  expect(hints()).toBe(0);
  const given = until(() => true);
  to(3000);
  await given;
  expect(hints()).toBe(1);
});

test("after it is closed there are no hints", async () => {
  const tree = write(VALID);
  const { clock, due } = stoppedClock();
  const { hints } = await watching(tree, { clock });
  await open.pop()?.close();
  appendFileSync(join(tree, WEB), "#\n");
  const { until } = await watching(tree);
  const seen = until(() => true);
  appendFileSync(join(tree, WEB), "#\n");
  await seen;
  expect([hints(), due()]).toEqual([0, undefined]);
});

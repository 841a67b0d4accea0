// A copy of the tree as it is now, in which guards are taken away; nothing in the tree itself is touched.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { cp, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** It compares the marks with the list, and so would notice every mutant by its text. */
const BY_TEXT = "test/unit/guards.test.ts";

/** Gone with the process that made it. */
export class Scratch {
  constructor(directory) {
    this.directory = directory;
  }

  static async copy() {
    const directory = await mkdtemp(join(tmpdir(), "evenkeel-mutants-"));
    process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { encoding: "utf8" });
    for (const file of listed.split("\0").filter((name) => name && name !== BY_TEXT && existsSync(name)))
      await cp(file, join(directory, file));
    // Not a link: what is generated holds the paths of the packages that it is from.
    execFileSync("cp", ["-a", "node_modules", directory]);
    return new Scratch(directory);
  }

  async write(file, text) {
    await writeFile(join(this.directory, file), text);
  }
}

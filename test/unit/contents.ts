import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Everything below some directories, with what is in it and when it was last written: one line each, to be compared. */
export const contentsOf = (...roots: readonly string[]): string =>
  roots
    .flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => join(root, name)),
    )
    .toSorted()
    .map((path) => {
      const { mtimeMs, mode } = statSync(path);
      const content = statSync(path).isFile() ? readFileSync(path) : "";
      return [path, mode, mtimeMs, createHash("sha256").update(content).digest("hex")].join(" ");
    })
    .join("\n");

import { fileProblem } from "./fault.ts";
import type { Problem } from "./revision.ts";

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/;

/** The problem with a file that holds a private key. It has no excerpt: that would show the key. */
export function privateKeyIn(path: string, content: Buffer): Problem | undefined {
  const text = content.toString("latin1");
  const found = PRIVATE_KEY.exec(text);
  if (!found) return undefined;
  const before = text.slice(0, found.index).split("\n");
  return fileProblem(path, "EK-SECRET", "must not hold a private key", {
    position: { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 },
    suggestion: "keys lie in --keys-dir; take this one out of git's history too, and make a new one",
  });
}

import { writeFirstTree } from "../manifests/first-tree.ts";
import { answer, sameDirectory } from "./streams.ts";

/** `reconcile init`: writes a first tree of manifests, with an editor's schemas beside them. */
export async function init(template: string, directory: string): Promise<number> {
  const files = await writeFirstTree(template, directory);
  const where = sameDirectory(directory);
  const manifests = files.filter((file) => file.endsWith(".yaml"));
  answer(
    [
      `Wrote a first tree to ${directory}:`,
      ...manifests.map((file) => `  ${file}`),
      "  and an editor's settings and schemas, in .vscode/ and .schemas/",
      "Next: fill in what is marked FILL IN, and then",
      `  reconcile validate${where}`,
      `  reconcile plan${where}`,
    ]
      .map((line) => `${line}\n`)
      .join(""),
  );
  return 0;
}

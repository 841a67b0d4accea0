import { importOldFile, type Imported } from "../manifests/import/import.ts";
import { ManifestsError } from "../manifests/revision.ts";
import { coloursFor, countProblems, describeProblems, printable, wrap } from "./problems.ts";
import { answer, sameDirectory, tell } from "./streams.ts";
import { plural } from "./words.ts";

/**
 * `reconcile import`: writes manifests for a tenant of the predecessor's. No hypervisor is asked, and what runs there is
 * left alone. Resolves to the exit code: 1 when nothing was written, or what was written is not valid yet.
 */
export async function importTenant(template: string, file: string, directory: string): Promise<number> {
  const colours = coloursFor(process.stderr);
  const { problems, imported } = await importOldFile(file, directory, template).catch((error: unknown) => {
    if (error instanceof ManifestsError) tell(describeProblems(error.problems, directory, colours));
    throw error;
  });
  tell(describeProblems(problems, "", colours));
  if (imported === undefined) {
    tell(`Nothing was written: ${countProblems(problems)}.\n`);
    return 1;
  }
  answer(describeImport(imported, directory));
  tell(describeProblems(imported.remaining, directory, colours));
  return imported.remaining.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** What was written, what stands and stays, and what comes next. */
function describeImport({ old, manifests, hasEditorFiles }: Imported, directory: string): string {
  const where = sameDirectory(directory);
  const standing = old.subnets.flatMap(({ places }) =>
    places.flatMap(({ hypervisor, replicas }) =>
      replicas.map(({ name, address }) => `  ${hypervisor}  ${name}  ${address}`),
    ),
  );
  return [
    `Wrote tenant ${old.name} with ${plural(old.subnets.length, "subnet")} to ${directory}:`,
    ...manifests.map((file) => `  ${file}`),
    ...(hasEditorFiles ? ["  and an editor's settings and schemas, in .vscode/ and .schemas/"] : []),
    ...(standing.length > 0
      ? [
          wrap(
            "These stood when the old file was written. They carry no mark of evenkeel's, which will make its own beside them and leave them alone:",
            "",
          ),
          ...standing,
          wrap(
            "Their addresses, and how many were scaled, are not taken over. When the new ones serve, take the service's address off the old ones and remove them.",
            "",
          ),
        ]
      : []),
    "Next: fill in what is marked FILL IN, and then",
    `  reconcile validate${where}`,
    `  reconcile plan${where}`,
  ]
    .map((line) => `${printableLines(line)}\n`)
    .join("");
}

const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");

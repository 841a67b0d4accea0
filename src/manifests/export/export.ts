import { join } from "node:path";
import { EvenkeelError } from "../../api/errors.ts";
import { load } from "../load.ts";
import { firstThere, writeNewFiles } from "../new-files.ts";
import type { Problem } from "../revision.ts";

/**
 * Writes exported manifests into their tree. Nothing is overwritten, and nothing is written where any of them is there.
 * @returns what is to be said of them now that they are there
 * @throws EvenkeelError EK-USAGE, EK-EDIT
 */
export async function writeExported(
  directory: string,
  manifests: ReadonlyMap<string, string>,
): Promise<readonly Problem[]> {
  const obstacle = await firstThere(directory, [...manifests.keys()]);
  if (obstacle !== undefined)
    throw new EvenkeelError(
      "EK-USAGE",
      `${join(directory, obstacle)} is there already; nothing was written`,
      {
        fix: "leave out --write, and compare; or move that file away",
      },
    );
  await writeNewFiles(directory, manifests);
  const { problems } = await load(directory);
  return problems.filter(({ file }) => manifests.has(file));
}

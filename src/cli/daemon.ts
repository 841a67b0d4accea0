import { stat } from "node:fs/promises";
import { EvenkeelError } from "../api/errors.ts";
import { DEFAULT_DIRECTORY } from "./options.ts";

/**
 * `reconcile` alone is to watch a tree and keep it in force, which this release does not do. Asked for nothing at all,
 * with no manifests here, it shows what can be asked for.
 * @param isTold whether a directory was given
 */
export async function daemon(isTold: boolean, help: () => never): Promise<never> {
  const isThere = await stat(DEFAULT_DIRECTORY).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isTold && !isThere) help();
  throw new EvenkeelError("EK-USAGE", "the daemon is not part of this release", {
    fix: "reconcile --once, from a timer or after each commit",
  });
}

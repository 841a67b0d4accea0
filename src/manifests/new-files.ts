import { lstat, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, EvenkeelError } from "../api/errors.ts";

/** Files to be written, by their path in a directory. */
export type NewFiles = ReadonlyMap<string, string | Buffer>;

/**
 * Writes files where there are none, and creates the directory. Nothing is overwritten: not even a file that comes
 * meanwhile.
 * @throws EvenkeelError EK-EDIT when something cannot be written
 */
export async function writeNewFiles(directory: string, files: NewFiles): Promise<void> {
  for (const [file, content] of files) {
    // In order, so that what is there after a failure can be told.
    // oxlint-disable-next-line no-await-in-loop
    await writing(directory, file, async (path) => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content, { flag: "wx" });
    });
  }
}

/** The first of some files that is there already. */
export async function firstThere(directory: string, files: readonly string[]): Promise<string | undefined> {
  const there = await Promise.all(files.map((file) => isThere(directory, file)));
  return files.find((_, index) => there[index]);
}

export const isThere = (directory: string, file: string): Promise<boolean> =>
  writing(directory, file, (path) =>
    lstat(path).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === "ENOENT") return false;
        throw error;
      },
    ),
  );

/** Says where a file system refused. */
async function writing<Result>(
  directory: string,
  file: string,
  work: (path: string) => Promise<Result>,
): Promise<Result> {
  const path = join(directory, file);
  try {
    return await work(path);
  } catch (error) {
    throw new EvenkeelError("EK-EDIT", `${path} cannot be written: ${codeOf(error)}`, { cause: error });
  }
}

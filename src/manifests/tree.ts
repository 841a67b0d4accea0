import { constants } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { codeOf } from "../api/errors.ts";
import { byText } from "./compare.ts";
import { fileProblem } from "./fault.ts";
import { ManifestsError, type Problem } from "./revision.ts";

/** The largest manifest that is read, in bytes. */
const LARGEST_FILE = 64 * 1024;
/** How deep folders may lie in each other. */
const DEEPEST_FOLDER = 16;

/** A file of the tree, by its path relative to the tree with `/` between names. */
export interface TreeFile {
  readonly path: string;
  /** At most its first 64 KiB and one byte. */
  readonly content: Buffer;
}

/** What a tree holds. */
export interface Tree {
  /** Its real path. */
  readonly directory: string;
  /** Manifests: files that end in .yaml or .yml, sorted by path. */
  readonly manifests: readonly TreeFile[];
  /** All other files; they are read only to find what must not lie here. */
  readonly others: readonly TreeFile[];
  /** Files and folders that could not be read, and why: nothing may be concluded from what is not seen there. */
  readonly unreadable: readonly Problem[];
}

const isManifest = (name: string): boolean => /\.ya?ml$/.test(name) && !name.startsWith(".");

/** Why a file system refused, as a person would say it. */
function reason(error: unknown): string {
  const code = codeOf(error);
  const words: Readonly<Record<string, string>> = {
    EACCES: "permission denied",
    EPERM: "permission denied",
    ENOENT: "it does not exist",
    ENOTDIR: "it is not a directory",
    ELOOP: "its links lead in circles",
  };
  return words[code] ?? code;
}

/**
 * Reads a tree: symbolic links are followed inside of it and refused where they lead out, dot files and dot folders are
 * left out, and no file is read beyond its bound. Throws EK-MANIFESTS when the tree itself cannot be read.
 */
export async function readTree(directory: string): Promise<Tree> {
  const root = await realpath(directory).catch((error: unknown) => {
    throw unreadableTree(directory, error);
  });
  const manifests: TreeFile[] = [];
  const others: TreeFile[] = [];
  const unreadable: Problem[] = [];
  const refuse = (path: string, code: "EK-MANIFESTS" | "EK-PLACE" | "EK-LIMIT", message: string): void => {
    // Without its top folders a tree says nothing that could be acted on.
    if (path === "tenants" || path === "provider") throw unreadableTree(`${directory}/${path}`, message);
    unreadable.push(fileProblem(path, code, message));
  };

  const visitFolder = async (path: string, real: string, above: readonly string[]): Promise<void> => {
    if (above.includes(real)) return refuse(path, "EK-PLACE", "must not lead back to a folder that it is in");
    if (above.length > DEEPEST_FOLDER) return refuse(path, "EK-LIMIT", "lies in too many folders");
    const names = await readdir(real).catch((error: unknown) => {
      if (path === "") throw unreadableTree(directory, error);
      refuse(path, "EK-MANIFESTS", `cannot be read: ${reason(error)}`);
      return [];
    });
    for (const name of names.toSorted(byText)) {
      // In order, so that results are the same each time; there are few files, and they are small.
      // oxlint-disable-next-line no-await-in-loop
      await visit(path === "" ? name : `${path}/${name}`, name, join(real, name), [...above, real]);
    }
  };

  const visit = async (path: string, name: string, full: string, above: readonly string[]): Promise<void> => {
    try {
      const linked = (await lstat(full)).isSymbolicLink();
      const real = linked ? await realpath(full) : full;
      const status = await stat(real);
      if (name.startsWith(".") && (status.isDirectory() || linked)) return;
      // guard: hostile trees
      if (linked && !isInside(root, real))
        return refuse(path, "EK-PLACE", "must not be a link out of the tree");
      if (status.isDirectory()) return await visitFolder(path, real, above);
      if (!status.isFile()) {
        if (isManifest(name)) refuse(path, "EK-PLACE", "must be a regular file");
        return;
      }
      if (isManifest(name) && status.size > LARGEST_FILE) {
        return refuse(path, "EK-LIMIT", `must be at most 64 KiB, found ${kibibytes(status.size)}`);
      }
      const file = { path, content: await readStart(real) };
      if (isManifest(name) && file.content.length > LARGEST_FILE) {
        return refuse(path, "EK-LIMIT", "must be at most 64 KiB, and grows while it is read");
      }
      (isManifest(name) ? manifests : others).push(file);
    } catch (error) {
      if (error instanceof ManifestsError) throw error;
      // A file that goes while the tree is read is gone; a link to nowhere is a mistake.
      const gone =
        codeOf(error) === "ENOENT" &&
        !(await lstat(full).then(
          () => true,
          () => false,
        ));
      if (!gone && !name.startsWith(".")) refuse(path, "EK-MANIFESTS", `cannot be read: ${reason(error)}`);
    }
  };

  await visitFolder("", root, []);
  return { directory: root, manifests, others, unreadable };
}

const unreadableTree = (directory: string, error: unknown): ManifestsError =>
  new ManifestsError(`cannot read the manifests in ${directory}: ${reason(error)}`, [], {
    cause: error,
    fix: "give the directory that holds provider/ and tenants/",
  });

const isInside = (root: string, path: string): boolean => {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith(`..${sep}`);
};

const kibibytes = (bytes: number): string => `${Math.ceil(bytes / 1024).toLocaleString("en")} KiB`;

/** The first 64 KiB of a file and, where there is more, one besides to tell. */
async function readStart(path: string): Promise<Buffer> {
  // Never waits, should the file have become a pipe in the meantime.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    for (;;) {
      // Each read begins where the one before ended.
      // oxlint-disable-next-line no-await-in-loop
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) return Buffer.from(buffer.subarray(0, length));
    }
  } finally {
    await file.close();
  }
}

import { open } from "node:fs/promises";
import { EvenkeelError } from "../api/errors.ts";

/** Permission bits of group and others. */
const OTHERS = 0o077;

/**
 * The text of a private key file. Refused with EK-SECRET when anyone but its owner may touch it. Mode and text come from
 * one open file, so that it cannot be exchanged in between.
 */
export async function readIdentity(path: string): Promise<string> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    throw new EvenkeelError(
      "EK-SECRET",
      `the key file ${path} cannot be read (${cause.code ?? cause.message})`,
      {
        cause,
        fix: "put the private key there, or correct connection.ssh.identityFile or --keys-dir",
      },
    );
  });
  try {
    const { mode } = await file.stat();
    // guard: host key
    if ((mode & OTHERS) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw new EvenkeelError("EK-SECRET", `the key file ${path} can be read by others (mode ${octal})`, {
        fix: `chmod 600 ${path}`,
      });
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

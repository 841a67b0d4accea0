import { basename, join } from "node:path";
import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import { LocalShell } from "./local.ts";
import type { Shell } from "./shell.ts";
import { SshShell } from "./ssh.ts";

/** How a hypervisor is reached, as its manifest says. */
export type Connection =
  | { readonly local: object }
  | {
      readonly ssh: {
        readonly address: string;
        readonly port: number;
        readonly user: string;
        /** A file name in the directory of keys, without any folder. */
        readonly identityFile: string;
        readonly hostKeys: readonly string[];
      };
    };

/**
 * The hypervisor at the end of a connection. Nothing is opened before its first use.
 * Throws EK-FIELD-INVALID when the identity file is not the plain name of a file: a manifest must not be able to point
 * at other keys of this machine.
 */
export function connect(
  name: HypervisorName,
  connection: Connection,
  { keysDirectory }: { readonly keysDirectory: string },
): Shell {
  if ("local" in connection) return new LocalShell(name);
  const { identityFile, ...target } = connection.ssh;
  const plain =
    identityFile !== "" && basename(identityFile) === identityFile && !identityFile.startsWith(".");
  // guard: host key
  if (!plain) {
    throw new EvenkeelError(
      "EK-FIELD-INVALID",
      `${name}: connection.ssh.identityFile: ${JSON.stringify(identityFile)} is not the plain name of a file`,
      {
        fix: `write only the name of a file in ${keysDirectory}`,
      },
    );
  }
  return new SshShell({ ...target, name, identityFile: join(keysDirectory, identityFile) });
}

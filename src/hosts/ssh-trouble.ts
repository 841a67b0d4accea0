import { EvenkeelError } from "../api/errors.ts";
import { GivenUp } from "./deadline.ts";
import { message, property } from "./failure.ts";
import type { SshTarget } from "./ssh-target.ts";

/** `hv1 (198.18.0.11:22)`, the way every message names a hypervisor that is reached over SSH. */
const where = ({ name, address, port }: SshTarget): string => `${name} (${address}:${port})`;

/** A host key that is none of the accepted ones: another machine answers there, or the machine was set up anew. */
export function hostKeyRefused(target: SshTarget, found: string): EvenkeelError {
  const accepted = target.hostKeys.length === 0 ? "its manifest accepts none" : target.hostKeys.join(", ");
  return new EvenkeelError(
    "EK-HOST-KEY",
    `${where(target)} showed the host key ${found}; accepted: ${accepted}`,
    {
      fix:
        "on the hypervisor's own console, run `for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $key; done`; " +
        "only if it prints that fingerprint, write it to connection.ssh.hostKeys",
    },
  );
}

/** No connection could be had, or no script could be handed over, for the reason that `error` gives; nothing ran. */
export function unreachable(target: SshTarget, error: unknown): EvenkeelError {
  if (error instanceof EvenkeelError) return error;
  const [what, fix] = explain(target, error);
  return new EvenkeelError("EK-HOST-UNREACHABLE", `${where(target)}: ${what}`, { cause: error, fix });
}

const CHECK_ADDRESS = "check that the hypervisor is up, and connection.ssh.address and port in its manifest";

function explain(target: SshTarget, error: unknown): [what: string, fix: string] {
  if (error instanceof GivenUp) return [error.message, CHECK_ADDRESS];
  if (property(error, "level") === "client-authentication") {
    return [
      `login refused for ${target.user} with the key ${target.identityFile}`,
      `append the public half of ${target.identityFile} to ${target.user}'s ~/.ssh/authorized_keys there`,
    ];
  }
  if (message(error).includes("Channel open failure")) {
    return [
      "its sshd opens no further session",
      "in its sshd_config: MaxSessions 10 or more; systemctl reload ssh",
    ];
  }
  switch (property(error, "code")) {
    case "ECONNREFUSED":
      return ["connection refused", "start sshd there (systemctl start ssh), or correct connection.ssh.port"];
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return ["its name does not resolve", "write an IP address to connection.ssh.address, or mend the name"];
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return ["no route to it", CHECK_ADDRESS];
    default:
      return [message(error), CHECK_ADDRESS];
  }
}

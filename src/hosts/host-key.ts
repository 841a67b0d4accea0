import { createHash } from "node:crypto";

/** The fingerprint of a public key as OpenSSH prints it: `SHA256:` and base64 without padding. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

/** The algorithm that a public key names in its first field, `ssh-ed25519`. */
export function algorithm(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return key.subarray(4, 4 + length).toString("latin1");
}

/**
 * Checks the host key of one connection against the fingerprints accepted for it, and remembers a refused one.
 *
 * ssh2 fails open: without a verifier, with an asynchronous one, and with one that answers a falsy value other than
 * `false`, it accepts any key. So this one is synchronous and answers a boolean, and no fingerprint means no host.
 */
export class HostKeyCheck {
  readonly #accepted: ReadonlySet<string>;
  /** Algorithm and fingerprint of the key that was refused; undefined as long as none was. */
  refused: string | undefined;

  constructor(accepted: readonly string[]) {
    this.#accepted = new Set(accepted.map((entry) => entry.replace(/=+$/, "")));
  }

  readonly verify = (key: Buffer): boolean => {
    const accepted = this.#accepted.has(fingerprint(key));
    if (!accepted) this.refused = `${algorithm(key)} ${fingerprint(key)}`;
    // guard: host key
    return accepted;
  };
}

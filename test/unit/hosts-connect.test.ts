import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HypervisorName } from "../../src/api/names.ts";
import { connect } from "../../src/hosts/connect.ts";
import { algorithm, fingerprint, HostKeyCheck } from "../../src/hosts/host-key.ts";
import { readIdentity } from "../../src/hosts/identity.ts";
import { LocalShell } from "../../src/hosts/local.ts";
import { SshShell } from "../../src/hosts/ssh.ts";

const HV1 = "hv1" as HypervisorName;

const ssh = (identityFile: string) => ({
  ssh: { address: "198.18.0.11", port: 22, user: "root", identityFile, hostKeys: [] },
});

describe("a connection", () => {
  const keys = { keysDirectory: "/etc/evenkeel/keys" };

  test("is of the kind that its manifest names", () => {
    expect(connect(HV1, { local: {} }, keys)).toBeInstanceOf(LocalShell);
    expect(connect(HV1, ssh("id_ed25519"), keys)).toBeInstanceOf(SshShell);
  });

  test.each(["../id_ed25519", "/root/.ssh/id_ed25519", "sub/id", "..", ".", "", ".hidden"])(
    "takes no key from outside the directory of keys: %p",
    (identityFile) => {
      expect(() => connect(HV1, ssh(identityFile), keys)).toThrow(
        expect.objectContaining({
          code: "EK-FIELD-INVALID",
          fix: expect.stringContaining("/etc/evenkeel/keys"),
        }),
      );
    },
  );
});

describe("a key file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "evenkeel-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test.each([
    ["0600", 0o600],
    ["0400", 0o400],
  ])("of mode %s is read", async (_octal, mode) => {
    await writeFile(join(folder, "id"), "a key");
    await chmod(join(folder, "id"), mode);
    await expect(readIdentity(join(folder, "id"))).resolves.toBe("a key");
  });

  test.each([
    ["0640", 0o640],
    ["0604", 0o604],
    ["0620", 0o620],
    ["0601", 0o601],
  ])("of mode %s is refused", async (_octal, mode) => {
    await writeFile(join(folder, "id"), "a key");
    await chmod(join(folder, "id"), mode);
    const refused = {
      code: "EK-SECRET",
      message: expect.stringContaining("can be read by others"),
      fix: `chmod 600 ${folder}/id`,
    };
    await expect(readIdentity(join(folder, "id"))).rejects.toMatchObject(refused);
  });

  test("that is not there is named", async () => {
    const missing = {
      code: "EK-SECRET",
      message: expect.stringContaining(`${folder}/id cannot be read (ENOENT)`),
    };
    await expect(readIdentity(join(folder, "id"))).rejects.toMatchObject(missing);
  });
});

describe("a host key", () => {
  // A public key and what `ssh-keygen -l` prints for it.
  const KEY = Buffer.from("AAAAC3NzaC1lZDI1NTE5AAAAIN+az78T1MATuklplonTfl4Xx9/q1LLgHyhH4P2DUpiq", "base64");
  const PRINT = "SHA256:IhpwhEoV4ZWtUCjuct0iCYtAU4jLLDIrFCSVEeswW6U";

  test("has OpenSSH's fingerprint and names its algorithm", () => {
    expect(fingerprint(KEY)).toBe(PRINT);
    expect(algorithm(KEY)).toBe("ssh-ed25519");
  });

  test.each([
    ["the one accepted", [PRINT], true],
    ["one of several", ["SHA256:other", PRINT], true],
    ["the one accepted, written with padding", [`${PRINT}=`], true],
    ["another", ["SHA256:other"], false],
    ["any, when none is accepted", [], false],
  ])("is checked at once: %s", (_what, accepted, answer) => {
    const check = new HostKeyCheck(accepted);
    // Exactly a boolean: a promise or a falsy value lets ssh2 accept the key.
    expect(check.verify(KEY)).toBe(answer);
    expect(check.refused).toBe(answer ? undefined : `ssh-ed25519 ${PRINT}`);
  });
});

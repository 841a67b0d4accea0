import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import { bringBastionKey, readBastionKey, writeBastionKey } from "../../src/hosts/bastion-key.ts";
import type { Host } from "../../src/hosts/host.ts";
import { LocalShell } from "../../src/hosts/local.ts";
import type { Shell } from "../../src/hosts/shell.ts";
import type { ContainerRequest } from "../../src/resources/operation.ts";

const { signal } = new AbortController();
const KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n";

/** Real files, at the far end of a real shell. */
describe("the key of a bastion", () => {
  const shell = new LocalShell(trusted<HypervisorName>("hv1"));
  afterAll(() => shell.close());
  let directory: string;
  let own: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-key-"));
    own = join(directory, "bastions/t2");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  const put = (text: string): void => {
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "host_key"), text);
  };

  test("that is not there is told to be so, and nothing is made", async () => {
    expect(await readBastionKey(shell, own, signal)).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  test("is read as it is, and written so that sshd takes it", async () => {
    put(KEY);
    const key = (await readBastionKey(shell, own, signal)) ?? "";
    const other = join(directory, "other/t2");
    await writeBastionKey(shell, other, key, signal);
    expect(readFileSync(join(other, "host_key"), "utf8")).toBe(KEY);
    expect(statSync(join(other, "host_key")).mode & 0o777).toBe(0o600);
    expect(readdirSync(other)).toEqual(["host_key"]);
  });

  test("that is there stays", async () => {
    put("old");
    await writeBastionKey(shell, own, encoded(KEY), signal);
    expect(readFileSync(join(own, "host_key"), "utf8")).toBe("old");
    expect(readdirSync(own)).toEqual(["host_key"]);
  });

  test("is never more than text of its own alphabet in a script", async () => {
    await writeBastionKey(shell, own, `EOF\ntouch ${directory}/pwned\n`, signal).catch(() => {});
    expect(readdirSync(directory)).toEqual(["bastions"]);
  });

  test("is whole or not at all when only the beginning of the script arrives", async () => {
    let script = "";
    const recorder = {
      name: shell.name,
      run: async (text: string) => {
        script = text;
        return { state: "ended", code: 0, stdout: "", stderr: "" };
      },
    } as unknown as Shell;
    await writeBastionKey(recorder, own, encoded(KEY), signal);
    for (let length = 0; length < script.length; length += 11) {
      // oxlint-disable-next-line no-await-in-loop
      await shell.run(script.slice(0, length), { deadlineSeconds: 5, signal });
      const made = readdirSync(directory).length > 0 && readdirSync(own).includes("host_key");
      expect(made && readFileSync(join(own, "host_key"), "utf8")).toBe(made && KEY);
    }
  });

  test("that cannot be read says why", async () => {
    mkdirSync(join(own, "host_key"), { recursive: true });
    await expect(readBastionKey(shell, own, signal)).rejects.toThrow(
      /hv1: a bastion's host key: .*directory/,
    );
  });
});

describe("a bastion that starts", () => {
  const request = { hostKeyIn: "/keys/t2" } as ContainerRequest;
  /** What hypervisors have; one with an error cannot be asked. */
  async function bring(
    own: string | undefined,
    ...others: (string | Error | undefined)[]
  ): Promise<string[]> {
    const told: string[] = [];
    const host = (name: string, key: string | Error | undefined) =>
      ({
        readBastionKey: async () => {
          told.push(`asked ${name}`);
          if (key instanceof Error) throw key;
          return key;
        },
        writeBastionKey: async (directory: string, text: string) => void told.push(`${directory} ${text}`),
      }) as unknown as Host;
    const places = {
      host: host("own", own),
      others: others.map((key, index) => host(`other ${index + 1}`, key)),
    };
    await bringBastionKey(request, places, signal);
    return told;
  }

  test("with a key there asks nobody else", async () => {
    expect(await bring("A", "B")).toEqual(["asked own"]);
  });

  test("without one has the first that another has", async () => {
    expect(await bring(undefined, undefined, "B", "C")).toEqual([
      "asked own",
      "asked other 1",
      "asked other 2",
      "asked other 3",
      "/keys/t2 B",
    ]);
  });

  test("makes its own where nobody has one", async () => {
    expect(await bring(undefined, undefined)).toEqual(["asked own", "asked other 1"]);
  });

  test("waits for one that does not say", async () => {
    const silent = new EvenkeelError("EK-HOST-UNREACHABLE", "hv1 does not answer");
    await expect(bring(undefined, silent)).rejects.toThrow(silent);
  });
});

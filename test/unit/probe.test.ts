import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { addressAt, type Cidr } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import { probe } from "../../src/hosts/probe.ts";
import type { Shell } from "../../src/hosts/shell.ts";

test("the path of a check reaches the tool that asks, and no shell", async () => {
  const asked: string[] = [];
  // A hypervisor whose gateway answers all well, and says on the error output what it was asked.
  const tools = `nsenter() { echo "$*" >&2; echo 200; }`;
  const shell = {
    run: async (script: string) => {
      const { stdout, stderr } = spawnSync("sh", ["-s"], {
        input: `exec 3>&2\n${tools.replace(">&2", ">&3")}\n${script}`,
        encoding: "utf8",
      });
      asked.push(stderr);
      return { state: "ended", code: 0, stdout, stderr };
    },
  } as unknown as Shell;
  const path = "/$(echo PWNED)`echo PWNED`/${HOME}/'\"";
  const check = {
    port: 8080,
    path,
    periodSeconds: 2,
    timeoutSeconds: 1,
    failureThreshold: 1,
    successThreshold: 1,
  };
  const target = {
    id: trusted<import("../../src/api/names.ts").Incarnation>("aaaaaaaa"),
    namespace: "campus.t2",
    address: addressAt("10.13.13.0/24" as Cidr, 2),
    check,
  };
  const answers = await probe(shell, [target], new AbortController().signal);
  expect([...answers]).toEqual([["aaaaaaaa", true]]);
  expect(asked.join("")).toContain(`http://10.13.13.2:8080${path}`);
});

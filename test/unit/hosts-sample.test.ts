import { expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { Host } from "../../src/hosts/host.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import type { ListingEngine, ScriptResult, Shell } from "../../src/hosts/shell.ts";
import { sampleAll } from "../../src/hosts/sample-all.ts";
import { FLEET } from "./scenario.ts";

const GOOD: ScriptResult = {
  state: "ended",
  code: 0,
  stdout: "uptime 10.5\nused 5 cgroup-v2\nonline 2\nend n0nce\n",
  stderr: "",
};

const host = (
  name: string,
  run: Shell["run"] = async () => GOOD,
  list: ListingEngine["list"] = async () => [],
): Host =>
  new ShellHost({
    name: trusted<HypervisorName>(name),
    run,
    containers: { list } as unknown as ListingEngine,
    close: async () => {},
  });

const never = (): Promise<never> => new Promise(() => {});

/** Why each host gave no sample; the good one beside them always gives one. */
async function failuresOf(...hosts: readonly Host[]): Promise<Record<string, string>> {
  const options = { fleet: FLEET, seconds: 1, signal: new AbortController().signal, nonce: () => "n0nce" };
  const { readings, failures } = await sampleAll([...hosts, host("good")], options);
  expect([...readings.keys()]).toEqual(["good"]);
  return Object.fromEntries([...failures].map(([name, { code, message }]) => [name, `${code} ${message}`]));
}

test("a hypervisor that gives no sample says why, and takes none from the others", async () => {
  const unreachable = async (): Promise<never> => {
    throw new EvenkeelError("EK-HOST-UNREACHABLE", "no route");
  };
  const silent = async (): Promise<never> => {
    throw new EvenkeelError("EK-DOCKER", "Docker does not answer");
  };
  const failures = await failuresOf(
    host("away", unreachable),
    host("dockerless", undefined, silent),
    host("lost", async () => ({
      ...GOOD,
      state: "unknown",
      code: undefined,
      stderr: "the connection was lost\n",
    })),
    host("broken", async () => ({ ...GOOD, code: 2, stdout: "" })),
    host("cut", async () => ({ ...GOOD, stdout: GOOD.stdout.replace("end", "") })),
    host("hung", never),
    host("stuck", undefined, never),
  );
  expect(failures).toEqual({
    away: "EK-HOST-UNREACHABLE no route",
    dockerless: "EK-DOCKER Docker does not answer",
    lost: "EK-LOOK-INCOMPLETE the load of lost could not be read: the connection was lost",
    broken: "EK-LOOK-INCOMPLETE the load of broken could not be read: exit 2",
    cut: "EK-LOOK-INCOMPLETE the load of cut could not be read: the output ends before its closing line",
    hung: "EK-HOST-UNREACHABLE the load of hung could not be read: no answer in 1 s",
    stuck: "EK-HOST-UNREACHABLE the load of stuck could not be read: no answer in 1 s",
  });
});

test("what is no refusal of a hypervisor is a mistake of ours, and thrown", async () => {
  const mistaken = host("hv1", async () => {
    throw new TypeError("a mistake");
  });
  await expect(failuresOf(mistaken)).rejects.toThrow(TypeError);
});

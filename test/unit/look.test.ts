import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { ContainerSummary, HostFacts } from "../../src/facts/facts.ts";
import { look } from "../../src/hosts/look.ts";
import type { ScriptResult, Shell } from "../../src/hosts/shell.ts";
import { FLEET } from "./scenario.ts";

/** What a look at a hypervisor of the lab printed, and its containers. */
const PRINTED = readFileSync("test/fixtures/look-hv1.txt", "utf8");
const CONTAINERS = JSON.parse(
  readFileSync("test/fixtures/look-hv1.containers.json", "utf8"),
) as ContainerSummary[];

interface Answers {
  readonly script?: Partial<ScriptResult>;
  readonly containers?: () => Promise<readonly ContainerSummary[]>;
}

/** A look at a hypervisor that answers so. */
async function lookAt({ script, containers = async () => CONTAINERS }: Answers): Promise<HostFacts> {
  const result = { state: "ended", code: 0, stdout: PRINTED, stderr: "", ...script } as ScriptResult;
  const shell = {
    name: trusted<HypervisorName>("hv1"),
    run: async () => result,
    containers: { list: containers },
  } as unknown as Shell;
  return await look(shell, {
    fleet: FLEET,
    draining: [],
    freeFence: false,
    ledger: "",
    lookSeconds: 10,
    signal: new AbortController().signal,
    nonce: () => "n0nce",
  });
}

/** The same output without the fleet's namespaces. */
const withoutNamespaces = (): string =>
  PRINTED.slice(0, PRINTED.indexOf("\n#>n0nce namespace ")) +
  PRINTED.slice(PRINTED.indexOf("\n#>n0nce domains"));

/** With a tenant's resolver, in the namespace that has the tenant's name or in one that has lost it. */
const withResolver = (output: string, tenant: string, place: "inside" | "outside"): string => {
  const words = ["dnsmasq", `--pid-file=/run/evenkeel/campus/${tenant}/pid`, "--bind-dynamic"];
  const lines = [`${tenant} 17 ${place}`, ...words.map((word) => `/proc/17/cmdline:${word}`)];
  return output.replace("\n#>n0nce end", `\n#>n0nce resolvers\n${lines.join("\n")}\n\n#>n0nce end`);
};

/** The same output with no container that runs. */
const withoutRunning = (): string =>
  `${PRINTED.slice(0, PRINTED.indexOf("\n#>n0nce domains"))}\n#>n0nce domains\n\n#>n0nce sandboxes\n\n#>n0nce interfaces\n\n#>n0nce end\n`;

describe("a look", () => {
  test("that saw replicas with their links is whole where their resolver keeps the namespace that lost its name", async () => {
    const at = (...resolver: [tenant: string, place: "inside" | "outside"]) =>
      lookAt({ script: { stdout: withResolver(withoutNamespaces(), ...resolver) } });
    expect((await at("t1", "outside")).resolvers.get(trusted("t1"))?.isAstray).toBe(true);
    await expect(at("t1", "inside")).rejects.toMatchObject({ code: "EK-LOOK-INCOMPLETE" });
    await expect(at("t2", "outside")).rejects.toMatchObject({ code: "EK-LOOK-INCOMPLETE" });
  });

  test("that ended well is believed", async () => {
    const { namespaces, containers } = await lookAt({});
    expect([...namespaces.keys()]).toEqual(["campus.t1", "campus.t2"]);
    expect(containers).toEqual(CONTAINERS);
  });

  test.each<[string, Partial<ScriptResult>]>([
    ["whose connection was lost, all printed or not", { state: "unknown", code: undefined }],
    ["that failed in the end", { code: 1 }],
    ["that was ended by its deadline", { code: 124 }],
    ["that saw replicas with their links, and no namespace", { stdout: withoutNamespaces() }],
  ])("%s is none", async (_, script) => {
    await expect(lookAt({ script })).rejects.toMatchObject({ code: "EK-LOOK-INCOMPLETE" });
  });

  test("knows of no list where Docker does not answer, which is not an empty one: those that ended may be there", async () => {
    const containers = async () => {
      throw new EvenkeelError("EK-DOCKER", "no answer");
    };
    const stdout = withoutRunning();
    expect((await lookAt({ script: { stdout }, containers: async () => [] })).containers).toEqual([]);
    expect((await lookAt({ script: { stdout }, containers })).containers).toBeUndefined();
  });

  test("does not take a list for one that knows none of the containers that run", async () => {
    expect((await lookAt({ containers: async () => [] })).containers).toBeUndefined();
  });
});

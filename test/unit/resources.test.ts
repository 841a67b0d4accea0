import { describe, expect, test } from "@jest/globals";
import { parseTables } from "../../src/facts/rules.ts";
import { lookScript } from "../../src/facts/script.ts";
import { type GuardState, guardChain, guardState } from "../../src/resources/guard-chain.ts";
import { kindOf } from "../../src/resources/index.ts";
import { chainOf } from "../../src/resources/marks.ts";
import { FLEET, pass, scenario, T2 } from "./scenario.ts";

describe("settings", () => {
  test("let a tenant's other service addresses stay when the first of them goes", () => {
    const on = scenario();
    pass(on);
    const settings = on.observed.find(({ kind }) => kind === "sysctls")?.state;
    for (const which of ["all", "default"])
      expect(settings).toMatchObject({ values: { [`ipv4/conf/${which}/promote_secondaries`]: "1" } });
  });

  test("that are written are all looked at", () => {
    const on = scenario();
    pass(on);
    const script = lookScript({ fleet: FLEET, nonce: "n", draining: [] });
    for (const { kind, state } of on.observed) {
      if (kind !== "sysctls") continue;
      for (const path of Object.keys((state as { values: object }).values))
        expect(script).toMatch(
          new RegExp(
            `\\b${path
              .split("/")
              .at(-1)
              ?.replace(/-iptables|-ip6tables|-arptables/, "-\\*")}`,
          ),
        );
    }
  });
});

test("a balancer that is not wanted here any more is emptied", () => {
  const on = scenario();
  pass(on);
  const nat = on.observed.find(({ kind }) => kind === "nat");
  if (!nat) throw new Error("no balancer");
  const context = { place: nat, name: nat.name, desired: undefined, observed: nat.state, fleet: FLEET };
  const change = kindOf("nat").change(context);
  expect(change).toMatchObject({
    verb: "remove",
    operations: [{ tool: "iptables", namespace: "campus.t2" }],
  });
  expect(change?.operations.flatMap((one) => ("lines" in one ? one.lines : []))).toContain(
    ":PREROUTING ACCEPT [0:0]",
  );
});

describe("the guard of an uplink on a bridge", () => {
  const peers = new Map<number, never[]>();
  const state = guardState(FLEET, T2, peers, "eku12345678" as never);
  const printed = Object.values(state.written ?? {}).flat();
  const facts = (forward: boolean) => {
    const jump = forward ? [`-A FORWARD -j ${chainOf(FLEET)}`] : [];
    const rules = [`-A INPUT -j ${chainOf(FLEET)}`, ...jump, ...printed];
    const saved = `*filter\n:INPUT ACCEPT [0:0]\n:${chainOf(FLEET)} - [0:0]\n${rules.join("\n")}\nCOMMIT\n`;
    return { hypervisor: "hv1", own: { ipv4: parseTables(saved) } } as never;
  };
  const change = (desired: GuardState | undefined, forward: boolean) => {
    const [observed] = [...guardChain.observe(facts(forward), FLEET)];
    const place = { hypervisor: "hv1" as never, tenant: T2 };
    return guardChain.change({ place, name: "", desired, observed: observed?.state, fleet: FLEET });
  };

  test("stands for a tenant that has no segment elsewhere, and is not written twice", () => {
    expect(printed).toHaveLength(2);
    expect(change(state, true)).toBeUndefined();
  });

  test("gets its jump back", () => {
    expect(change(state, false)?.operations).toEqual([
      expect.objectContaining({ tool: "host-chain" }),
      expect.objectContaining({ tool: "host-chain", lines: [chainOf(FLEET), "FORWARD"] }),
    ]);
  });

  test("goes with its tenant, rule by rule", () => {
    const lines = change(undefined, true)?.operations.flatMap((one) => ("lines" in one ? one.lines : []));
    expect(lines?.filter((line) => line.startsWith("-D"))).toHaveLength(2);
  });
});

import { describe, expect, test } from "@jest/globals";
import { lookScript } from "../../src/facts/script.ts";
import { kindOf } from "../../src/resources/index.ts";
import { FLEET, pass, scenario } from "./scenario.ts";

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

import { expect, test } from "@jest/globals";
import type { HypervisorName } from "../../src/api/names.ts";
import { evidenceOn, type Sighting } from "../../src/replicas/evidence.ts";
import { pass, scenario, T2 } from "./scenario.ts";

test("connections that nobody counted are not known, and those of a count that does not name a replica are none", () => {
  const on = scenario();
  pass(on);
  const [replica] = on.fleet.tenants[T2]?.replicas ?? [];
  if (!replica) throw new Error("no replica");
  const connections = (counted: Sighting["connections"]): number | undefined => {
    const seen = new Set<HypervisorName>(["hv1" as HypervisorName]);
    const sighting = {
      observed: on.observed,
      seen,
      visible: { docker: seen, libvirt: seen },
      answers: new Map(),
      connections: counted,
      unclosed: counted,
    };
    const { connections: open, unclosed } = evidenceOn(replica, sighting, {
      silent: false,
      home: "hv1" as HypervisorName,
    });
    expect(unclosed).toBe(open);
    return open;
  };
  expect(connections(undefined)).toBeUndefined();
  expect(connections({})).toBe(0);
  expect(connections({ [replica.address]: 3 })).toBe(3);
});

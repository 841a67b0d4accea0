import { describe, expect, test } from "@jest/globals";
import { pass, replicas, scenario, serving, short, subnet, T2 } from "./scenario.ts";

describe("a roll", () => {
  test("makes each new replica before its old one is drained, one at a time, and keeps ordinals", () => {
    const on = scenario();
    pass(on);
    on.subnets = [
      subnet("web", 2, {
        service: serving(),
        workload: { ...subnet("web", 2).spec.workload, image: "evenkeel/web:2" },
      }),
    ];
    const steps = pass(on)
      .map(short)
      .filter((line) => line.includes("container"));
    expect(steps).toEqual([
      "+ container web-1@hv1",
      "~ container web-1@hv1",
      "+ container web-2@hv1",
      "- container web-1@hv1",
      "~ container web-2@hv1",
      "- container web-2@hv1",
    ]);
    expect(replicas(on.observed)).toEqual(["web-1@hv1", "web-2@hv1"]);
  });

  test("that is changed again before anything of it came up makes room for what is wanted now", () => {
    const on = scenario();
    pass(on);
    const former = on.fleet.tenants[T2]?.replicas[0]?.specHash;
    const before = replicas(on.observed);
    const image = (name: string) => [
      subnet("web", 2, {
        service: serving(),
        workload: { ...subnet("web", 2).spec.workload, image: name },
      }),
    ];
    on.mute = [1, 2];
    for (const name of ["evenkeel/broken:1", "evenkeel/broken:2", "evenkeel/broken:3"]) {
      on.subnets = image(name);
      pass(on);
    }
    on.mute = [];
    on.subnets = image("evenkeel/web:2");
    pass(on);
    expect(replicas(on.observed)).toEqual(before);
    const hashes = new Set(on.fleet.tenants[T2]?.replicas.map(({ specHash }) => specHash));
    expect(hashes.size).toBe(1);
    expect(hashes).not.toContain(former);
    expect(on.fleet.tenants[T2]?.replicas.map(({ phase }) => phase)).toEqual(["serving", "serving"]);
  });

  test("a new one that does not answer stops it", () => {
    const on = scenario();
    pass(on);
    const before = replicas(on.observed);
    on.mute = [1];
    on.subnets = [
      subnet("web", 2, {
        service: serving(),
        workload: { ...subnet("web", 2).spec.workload, image: "evenkeel/broken:1" },
      }),
    ];
    pass(on);
    expect(replicas(on.observed)).toEqual([...before, "web-1@hv1"].toSorted());
  });
});

describe("a network that changes", () => {
  const moved = () => [subnet("web", 2, { cidr: "10.20.0.0/24" as never, service: serving() })];

  test("waits for approval while replicas stand in it, and touches nothing", () => {
    const on = scenario();
    pass(on);
    on.subnets = moved();
    expect(pass(on)).toEqual([]);
    expect(on.refusals).toHaveLength(1);
  });

  test("once approved drains them all, and makes new ones in the new network", () => {
    const on = scenario();
    pass(on);
    on.subnets = moved();
    pass(on);
    on.fleet = { ...on.fleet, approvals: on.refusals.map(({ id }) => id) };
    pass(on);
    pass(on);
    const { replicas: all = [], segments } = on.fleet.tenants[T2] ?? {};
    expect(all.map(({ address, phase }) => `${address.split(".").slice(0, 2).join(".")} ${phase}`)).toEqual([
      "10.20 serving",
      "10.20 serving",
    ]);
    expect(segments).toMatchObject({ web: { cidr: "10.20.0.0/24", gateway: "10.20.0.1" } });
    expect(pass(on)).toEqual([]);
  });

  test("an empty one changes without a word", () => {
    const on = scenario({ subnets: [subnet("web", 0)] });
    pass(on);
    on.subnets = [subnet("web", 0, { cidr: "10.20.0.0/24" as never })];
    expect(new Set(pass(on).map(short))).toContain("~ bridge br-web@hv1");
    expect(on.refusals).toEqual([]);
  });
});

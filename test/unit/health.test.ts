import { beforeEach, describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { HealthCheck } from "../../src/api/kinds.gen.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { World } from "../../src/controllers/controller.ts";
import { healthController, type HealthPass, type HealthResult } from "../../src/controllers/health.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { healthScript } from "../../src/hosts/health.ts";
import type { Host } from "../../src/hosts/host.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import type { Shell } from "../../src/hosts/shell.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import type { ReplicaMemory, TenantMemory } from "../../src/replicas/memory.ts";
import { checkOf } from "../../src/replicas/spec.ts";
import { containerName, linkNames, namespaceOf } from "../../src/resources/marks.ts";
import { isNat } from "../../src/resources/nat.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { FLEET, pass, type Scenario, scenario, serving, subnet, T2 } from "./scenario.ts";

const HV1 = trusted<HypervisorName>("hv1");
const HV2 = trusted<HypervisorName>("hv2");
const HVS = [HV1, HV2] as const;

const CHECK: HealthCheck = {
  httpGet: { path: "/healthz" },
  periodSeconds: 2,
  timeoutSeconds: 1,
  failureThreshold: 3,
  successThreshold: 2,
};

/** A subnet whose replicas answer their probes as a test says; time goes by when it is told to. */
class Hospital {
  readonly on: Scenario;
  readonly ledger: MemoryLedger;
  /** Ordinals that fail their probes, and those of which the prober says nothing. */
  sick: number[] = [];
  unheard: number[] = [];
  /** Hypervisors whose looks show no replica running. */
  blank: HypervisorName[] = [];
  /** Execs asked of each hypervisor. */
  readonly execs: HypervisorName[] = [];
  /** Hypervisors that answer nothing. */
  readonly silent = new Set<HypervisorName>();
  readonly controller;

  constructor(count = 3, healthCheck: HealthCheck | "none" = CHECK, on: Partial<Scenario> = {}) {
    const check = healthCheck !== "none" && { healthCheck };
    this.on = scenario({ subnets: [subnet("web", count, { service: serving(), ...check })], ...on });
    this.on.fleet = { ...this.on.fleet, seen: [...HVS] };
    pass(this.on);
    this.ledger = new MemoryLedger(this.on.fleet);
    const hosts = new Map(HVS.map((name) => [name, this.#host(name)]));
    const world = { fleet: FLEET, ledger: this.ledger, hosts, log: SILENT } as unknown as World;
    this.controller = healthController(world);
  }

  get memory(): TenantMemory {
    const memory = this.ledger.state.tenants[T2];
    if (!memory) throw new Error("nothing is remembered");
    return memory;
  }

  /** Ordinals of the replicas that the balancer points at. */
  get balanced(): number[] {
    const rules = this.on.observed.filter(isNat).flatMap(({ state }) => state.table.rules);
    const isIn = ({ address }: ReplicaMemory): boolean =>
      rules.some((rule) => rule.includes(`--to-destination ${address}:`));
    return this.memory.replicas
      .filter(isIn)
      .map(({ ordinal }) => ordinal)
      .toSorted((a, b) => a - b);
  }

  get incarnations(): string[] {
    return this.memory.replicas.map(({ incarnation }) => incarnation);
  }

  /** Probes on and on, a period each time, and carries out what follows. */
  async rounds(count: number): Promise<HealthResult | undefined> {
    let result: HealthResult | undefined;
    for (let round = 0; round < count; round++) {
      this.on.now += 1000;
      result = await this.controller.reconcile(undefined, this.#pass());
      this.on.fleet = this.ledger.state;
      pass(this.on);
      this.ledger.state = this.on.fleet;
    }
    return result;
  }

  /** Goes on until another replica stands than before, and tells after how many seconds. */
  async untilReplaced(): Promise<number> {
    const [before, began] = [this.incarnations.join(), this.on.now];
    for (let round = 0; round < 1000; round++) {
      await this.rounds(1);
      if (this.incarnations.join() !== before) return (this.on.now - began) / 1000;
    }
    throw new Error("it is never replaced");
  }

  #pass(): HealthPass {
    const { on } = this;
    const seen = HVS.filter((name) => !on.unseen.includes(name));
    const documents = {
      name: T2,
      tenant: on.tenant,
      subnets: new Map(on.subnets.map((one) => [one.metadata.name, one])),
      held: undefined,
    };
    return {
      revision: { tenants: new Map([[T2, documents]]) } as unknown as Revision,
      now: () => on.now,
      signal: new AbortController().signal,
      log: SILENT,
      observation: { seen: new Map(seen.map((name) => [name, this.#facts(name)])), unseen: new Map() },
    };
  }

  #facts(name: HypervisorName): HostFacts {
    const own = this.memory.replicas.filter(
      ({ hypervisor }) => hypervisor === name && !this.blank.includes(name),
    );
    const links = own.map(({ incarnation }) => ({ name: linkNames.port("w", incarnation) }));
    const containers = own.map((one) => ({ name: containerName(FLEET, one), state: "running" }));
    const namespaces = new Map([[namespaceOf(FLEET, T2), { links }]]);
    return { hypervisor: name, containers, namespaces } as unknown as HostFacts;
  }

  #host(name: HypervisorName): Host {
    const answer = ({ incarnation, ordinal }: ReplicaMemory): string =>
      this.unheard.includes(ordinal)
        ? ""
        : this.sick.includes(ordinal)
          ? `${incarnation} page 0 503\n${incarnation} port 124\n`
          : `${incarnation} page 0 302\n${incarnation} port 0\n`;
    const run = async (script: string) => {
      this.execs.push(name);
      if (this.silent.has(name)) throw new EvenkeelError("EK-HOST-UNREACHABLE", `${name} does not answer`);
      const asked = this.memory.replicas.filter(({ incarnation }) => script.includes(incarnation));
      return { state: "ended", code: 0, stderr: "", stdout: asked.map(answer).join("") };
    };
    return new ShellHost({ name, run } as unknown as Shell);
  }
}

const reasons = ({ notes }: Scenario): string[] => notes.map(({ reason, object }) => `${reason} ${object}`);

let one: Hospital;
beforeEach(() => {
  one = new Hospital();
});

describe("a replica that fails its check", () => {
  test("is out of the balancer after failureThreshold failures in a row, and back after successThreshold successes", async () => {
    one.sick = [2];
    await one.rounds(2);
    expect(one.balanced).toEqual([1, 2, 3]);
    const result = await one.rounds(1);
    expect([...(result?.changed ?? [])]).toEqual([T2]);
    expect(one.balanced).toEqual([1, 3]);
    expect(reasons(one.on)).toEqual(["ReplicaUnhealthy replica/t2/web-2"]);
    one.sick = [];
    await one.rounds(1);
    expect(one.balanced).toEqual([1, 3]);
    await one.rounds(1);
    expect(one.balanced).toEqual([1, 2, 3]);
    expect(one.on.notes).toEqual([]);
  });

  test("stays in while it flaps below the threshold", async () => {
    for (let flap = 0; flap < 5; flap++) {
      one.sick = [2];
      await one.rounds(2);
      one.sick = [];
      await one.rounds(1);
    }
    expect(one.balanced).toEqual([1, 2, 3]);
  });

  test("stays out while it is well only now and then", async () => {
    one.sick = [2];
    await one.rounds(3);
    for (let flap = 0; flap < 2; flap++) {
      one.sick = [];
      await one.rounds(1);
      one.sick = [2];
      await one.rounds(1);
    }
    expect(one.balanced).toEqual([1, 3]);
  });

  test("is not judged by a prober that says nothing of it, or does not answer at all", async () => {
    const before = one.incarnations;
    one.unheard = [2];
    await one.rounds(4);
    expect(one.balanced).toEqual([1, 2, 3]);
    await one.rounds(9);
    one.sick = [1, 2, 3];
    one.silent.add(HV1);
    const result = await one.rounds(9);
    expect(one.balanced).toEqual([1, 2, 3]);
    expect(result?.changed.size).toBe(0);
    expect(one.incarnations).toEqual(before);
  });

  test("is replaced by one that serves before it goes", async () => {
    const before = one.incarnations;
    one.sick = [2];
    await one.rounds(3);
    expect(await one.untilReplaced()).toBeGreaterThanOrEqual(8);
    one.sick = [];
    await one.rounds(1);
    expect(one.incarnations.filter((name) => before.includes(name))).toHaveLength(2);
    expect(one.balanced).toEqual([1, 2, 3]);
  });

  test("is replaced ever later when that does not help", async () => {
    one.sick = [2];
    const waits: number[] = [];
    for (let time = 0; time < 8; time++) waits.push(await one.untilReplaced());
    // Each has to fail three times before its wait begins. Rounds are two seconds apart.
    const expected = [14, 24, 44, 84, 164, 304, 304, 304];
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(expected[index] ?? 0);
      expect(wait).toBeLessThanOrEqual((expected[index] ?? 0) + 4);
    }
  });

  test("is not replaced when it is well again before its replacement serves", async () => {
    const before = one.incarnations;
    one.on.mute = [2];
    one.sick = [2];
    await one.rounds(12);
    expect(one.incarnations).toHaveLength(4);
    one.sick = [];
    await one.rounds(4);
    expect(one.incarnations).toEqual(before);
    expect(one.balanced).toEqual([1, 2, 3]);
  });

  test("is replaced alone: the next one waits until it is gone", async () => {
    one = new Hospital(5);
    one.sick = [2];
    await one.rounds(3);
    one.sick = [2, 3];
    one.on.mute = [2, 3];
    await one.rounds(60);
    // One replacement, which never serves.
    expect(one.incarnations).toHaveLength(6);
    expect(one.memory.replicas.filter(({ replace }) => replace !== undefined)).toMatchObject([
      { ordinal: 2 },
    ]);
    expect(one.memory.healing).toMatchObject({ web: { times: 1 } });
  });

  test("is replaced even where it is the only one, and the balancer keeps it until then", async () => {
    one = new Hospital(1);
    const before = one.incarnations;
    one.sick = [1];
    await one.rounds(4);
    expect(one.balanced).toEqual([1]);
    await one.untilReplaced();
    expect(one.incarnations).not.toEqual(before);
  });

  test("that ended is not remembered to be unhealthy when it comes back", async () => {
    one.sick = [2];
    await one.rounds(3);
    one.on.observed = one.on.observed.filter(({ kind, name }) => kind !== "port" || !name.startsWith("w"));
    one.sick = [];
    await one.rounds(1);
    expect(one.memory.replicas.filter(({ unhealthySince }) => unhealthySince !== undefined)).toEqual([]);
  });
});

describe("the balancer", () => {
  test("is never emptied because of health", async () => {
    one = new Hospital(2);
    one.sick = [1];
    await one.rounds(3);
    expect(one.balanced).toEqual([2]);
    one.sick = [1, 2];
    one.on.mute = [1, 2];
    await one.rounds(3);
    expect(one.balanced).toEqual([1, 2]);
  });

  test("keeps its set when more than half fail at once, although they run: then it is the prober", async () => {
    const before = one.incarnations;
    one.sick = [1, 2];
    await one.rounds(60);
    expect(one.balanced).toEqual([1, 2, 3]);
    expect(one.incarnations).toEqual(before);
    expect(reasons(one.on)).toEqual(["ProberSuspected subnet/t2/web"]);
    one.sick = [];
    await one.rounds(1);
    expect(one.on.notes).toEqual([]);
  });

  test("keeps who is left, and replaces nobody, when the others fail at once after one did", async () => {
    const before = one.incarnations;
    one.sick = [1];
    await one.rounds(3);
    one.sick = [1, 2, 3];
    await one.rounds(60);
    expect(one.balanced).toEqual([2, 3]);
    expect(one.incarnations).toEqual(before);
  });

  test("lets go of them when the look does not show them running", async () => {
    one.blank = [HV1];
    one.sick = [1, 2];
    await one.rounds(3);
    expect(one.balanced).toEqual([3]);
  });

  test("takes for a sign of a bad prober only those that run", async () => {
    one = new Hospital(5, CHECK, smallHome(3));
    one.blank = [HV2];
    one.sick = [1, 4, 5];
    await one.rounds(3);
    expect(one.balanced).toEqual([2, 3]);
  });
});

describe("replicas on a hypervisor that does not answer", () => {
  test.each<[string, HealthCheck | "none"]>([
    ["with a check", CHECK],
    ["without one", "none"],
  ])("are out of the balancer once their probes fail, and never replaced: %s", async (_, check) => {
    // Room for one at home, so that the others stand elsewhere.
    one = new Hospital(3, check, smallHome(1));
    one.on.hypervisors = scenario().hypervisors;
    const before = one.incarnations;
    const away = one.memory.replicas
      .filter(({ hypervisor }) => hypervisor === HV2)
      .map(({ ordinal }) => ordinal);
    expect(away).toEqual([2, 3]);
    one.on.unseen = [HV2];
    one.sick = away;
    await one.rounds(60);
    expect(one.balanced).toEqual([1]);
    expect(one.incarnations).toEqual(before);
    one.on.unseen = [];
    one.sick = [];
    await one.rounds(2);
    expect(one.balanced).toEqual([1, 2, 3]);
  });

  test("are not replaced without a written check when it answers again and they do not", async () => {
    one = new Hospital(3, "none", smallHome(2));
    const before = one.incarnations;
    one.on.unseen = [HV2];
    one.sick = [3];
    await one.rounds(3);
    one.on.unseen = [];
    await one.rounds(60);
    expect(one.balanced).toEqual([1, 2]);
    expect(one.incarnations).toEqual(before);
  });
});

/** Room for so many replicas at home. */
const smallHome = (replicas: number): Partial<Scenario> => {
  const { hypervisors } = scenario();
  return {
    hypervisors: hypervisors.map((each) =>
      each.metadata.name === HV1 ? { ...each, spec: { ...each.spec, capacity: { replicas } } } : each,
    ),
  };
};

describe("a round of probes", () => {
  test("is one exec on the gateway's hypervisor, at the subnet's own pace", async () => {
    const result = await one.rounds(1);
    expect(result?.again).toBe(one.on.now - 1000 + 2000);
    expect(one.execs).toEqual([HV1]);
    // Not due yet.
    one.on.now -= 2000;
    await one.rounds(1);
    expect(one.execs).toEqual([HV1]);
  });

  test("asks nobody without a check, as long as the looks show everything", async () => {
    one = new Hospital(3, "none");
    expect((await one.rounds(3))?.again).toBeUndefined();
    expect(one.execs).toEqual([]);
  });

  test("gives curl what a manifest says as a quoted string", () => {
    const spec = { healthCheck: { ...CHECK, httpGet: { path: '/a"b\\c$(d)`e`#' } } };
    const check = checkOf(subnet("web", 1, spec));
    if (!check) throw new Error("a check was expected");
    const script = healthScript([
      { id: trusted("aaaaaaaa"), namespace: "campus.t2", address: trusted("10.13.13.2"), check },
    ]);
    expect(script).toContain('\nurl = "http://10.13.13.2:8080/a\\"b\\\\c$(d)`e`#"\n');
    expect(script).toContain("<<'.EVENKEEL'");
  });
});

import { Fences } from "../../src/hosts/fences.ts";
import { Images } from "../../src/hosts/images.ts";
import { Reachability } from "../../src/hosts/reachability.ts";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import type { Autoscale } from "../../src/api/kinds.gen.ts";
import { type HypervisorName, type Incarnation, type SubnetName, trusted } from "../../src/api/names.ts";
import type { DecisionRecord } from "../../src/autoscale/record.ts";
import { autoscaleController } from "../../src/controllers/autoscale.ts";
import type { AutoscalePass, AutoscaleResult, World } from "../../src/controllers/controller.ts";
import { evaluateOnce } from "../../src/controllers/evaluation.ts";
import type { ContainerSummary, HostFacts } from "../../src/facts/facts.ts";
import type { Host } from "../../src/hosts/host.ts";
import { ShellHost } from "../../src/hosts/shell-host.ts";
import type { ListingEngine } from "../../src/hosts/shell.ts";
import { MemoryLedger } from "../../src/ledger/ledger.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { type TenantMemory, withTenant } from "../../src/replicas/memory.ts";
import { containerName, labelsOf } from "../../src/resources/marks.ts";
import { SILENT } from "../../src/telemetry/log.ts";
import { FLEET, pass, type Scenario, scenario, serving, subnet, T2 } from "./scenario.ts";

const WEB = trusted<SubnetName>("web");
const HV1 = trusted<HypervisorName>("hv1");
const HV2 = trusted<HypervisorName>("hv2");
const HVS = [HV1, HV2] as const;

const AUTOSCALE: Autoscale = {
  mode: "auto",
  scaleOnContention: false,
  thresholds: { cpu: { min: 25, max: 60 } },
  step: 1,
  sampleSeconds: 5,
  windowSeconds: 15,
  cooldownSeconds: 60,
};

/** Hypervisors that print what the real script prints, for replicas that use as much as a test says. */
class Metered {
  readonly on: Scenario;
  readonly ledger: MemoryLedger;
  readonly execs: HypervisorName[] = [];
  /** CPU in use: of each replica by ordinal ÷ its 500m, and of each hypervisor ÷ its 4 CPUs. */
  readonly replicas = new Map<number, number>();
  readonly load = new Map<HypervisorName, number>(HVS.map((name) => [name, 0.1]));
  /** Those that answer nothing any more, though they were seen a moment ago. */
  readonly silent = new Set<HypervisorName>();
  /** What is printed instead. */
  garble: ((text: string) => string) | undefined;
  now = 10_000_000;
  readonly #used = new Map<string, number>();
  readonly controller;

  constructor(autoscale: Partial<Autoscale> | "none" = {}, on: Partial<Scenario> = {}) {
    const follow = autoscale !== "none" && { autoscale: { ...AUTOSCALE, ...autoscale } };
    this.on = scenario({
      subnets: [subnet("web", 2, { service: serving(), replicas: { min: 2, max: 4 }, ...follow })],
      now: this.now - 600_000,
      ...on,
    });
    this.on.fleet = { ...this.on.fleet, seen: [...HVS] };
    this.carryOut();
    this.ledger = new MemoryLedger(this.on.fleet);
    this.controller = autoscaleController(this.world);
  }

  get world(): World {
    const claim = { ledger: "", epoch: 1, holder: "", manifests: "" } as unknown as World["claim"];
    const hosts = new Map(HVS.map((name) => [name, this.#host(name)]));
    return {
      fleet: FLEET,
      ledger: this.ledger,
      hosts,
      claim,
      takeOver: false,
      stays: false,
      images: new Images(() => this.now),
      reach: new Reachability(() => this.now, 0),
      fences: new Fences(),
      count: new Map(),
      log: SILENT,
    };
  }

  get memory(): TenantMemory {
    const memory = this.ledger.state.tenants[T2];
    if (!memory) throw new Error("nothing is remembered");
    return memory;
  }

  get places(): string[] {
    return this.memory.replicas
      .filter(({ phase }) => phase === "serving")
      .map(({ ordinal, hypervisor }) => `${ordinal}@${hypervisor}`);
  }

  /** What the tenant's loop makes of the ledger. */
  carryOut(): void {
    if (this.ledger) this.on.fleet = this.ledger.state;
    pass(this.on);
    if (this.ledger) this.ledger.state = this.on.fleet;
  }

  /** Time goes by, and everyone uses what they use. */
  later(seconds: number): void {
    this.now += seconds * 1000;
    for (const { ordinal, incarnation } of this.on.fleet.tenants[T2]?.replicas ?? [])
      this.#use(incarnation, (this.replicas.get(ordinal) ?? 0.4) * 0.5 * seconds);
    for (const name of HVS) this.#use(name, (this.load.get(name) ?? 0) * 4 * seconds);
  }

  #use(who: string, cpuSeconds: number): void {
    this.#used.set(who, (this.#used.get(who) ?? 0) + cpuSeconds * 1e9);
  }

  evaluate(only?: ReadonlySet<string>, controller = this.controller): Promise<AutoscaleResult> {
    return controller.reconcile({ only }, this.pass());
  }

  pass(): AutoscalePass {
    const { on } = this;
    const seen = HVS.filter((name) => !on.unseen.includes(name));
    const revision = {
      hypervisors: new Map(on.hypervisors.map((one) => [one.metadata.name, one])),
      tenants: new Map([
        [
          T2,
          {
            name: T2,
            tenant: on.tenant,
            subnets: new Map(on.subnets.map((one) => [one.metadata.name, one])),
            held: undefined,
          },
        ],
      ]),
    } as unknown as Revision;
    const facts = new Map(
      seen.map((name) => [name, { hypervisor: name, containers: [] } as unknown as HostFacts]),
    );
    return {
      revision,
      now: () => this.now,
      signal: new AbortController().signal,
      log: SILENT,
      observation: { seen: facts, unseen: new Map() },
      fresh: () => trusted<Incarnation>("n0nce"),
    };
  }

  /** So many samples, five seconds apart; the last result. */
  async samples(count: number): Promise<AutoscaleResult> {
    let result: AutoscaleResult | undefined;
    for (let one = 0; one < count; one++) {
      this.later(5);
      result = await this.evaluate();
    }
    if (!result) throw new Error("no sample was asked for");
    return result;
  }

  #host(name: HypervisorName): Host {
    const list = async (): Promise<ContainerSummary[]> =>
      this.memory.replicas
        .filter(({ hypervisor }) => hypervisor === name)
        .map((replica) => ({
          id: replica.incarnation,
          name: containerName(FLEET, replica),
          image: "",
          imageId: "",
          state: "running",
          labels: labelsOf(FLEET, replica),
        }));
    return new ShellHost({
      name,
      close: async () => {},
      containers: { list } as unknown as ListingEngine,
      run: async () => {
        this.execs.push(name);
        if (this.silent.has(name)) throw new EvenkeelError("EK-HOST-UNREACHABLE", `${name} does not answer`);
        const lines = [
          `uptime ${this.now / 1000}`,
          `used ${Math.round(this.#used.get(name) ?? 0)} cgroup-v2`,
          "online 4",
          ...(await list()).map(({ id }) => `container ${id} 4711 ${Math.round(this.#used.get(id) ?? 0)}`),
          "end n0nce",
        ];
        const stdout = `${lines.join("\n")}\n`;
        return { state: "ended", code: 0, stderr: "", stdout: this.garble?.(stdout) ?? stdout };
      },
    });
  }
}

const only = ({ records }: AutoscaleResult): DecisionRecord => {
  const [record] = records;
  if (!record || records.length > 1) throw new Error(`${records.length} decisions instead of one`);
  return record;
};

let on: Metered;
beforeEach(() => {
  on = new Metered();
});
const busy = (load: number): void => {
  for (let ordinal = 1; ordinal <= 4; ordinal++) on.replicas.set(ordinal, load);
};

describe("load above the maximum", () => {
  test("raises the count by one when the window is full, and not before", async () => {
    busy(0.7);
    expect((await on.samples(3)).changed.size).toBe(0);
    const result = await on.samples(1);
    expect([...result.changed]).toEqual([T2]);
    expect(on.memory.desired).toEqual({ web: 3 });
    expect(on.memory.scaling).toEqual({ web: { at: on.now, from: 2, to: 3, grewAt: on.now } });
    expect(only(result)).toMatchObject({ tenant: T2, subnet: WEB, trace: { current: 2, desired: 3 } });
    expect(only(result).replicas.map(({ hypervisor }) => hypervisor)).toEqual([HV1, HV1]);
  });

  test("takes the next one only after the last is ready and a window has passed", async () => {
    busy(0.7);
    await on.samples(4);
    expect((await on.samples(5)).changed.size).toBe(0);
    on.on.now = on.now;
    on.carryOut();
    expect(on.places).toEqual(["1@hv1", "2@hv1", "3@hv1"]);
    busy(0.7);
    const { changed } = await on.samples(2);
    expect(changed.size).toBe(0);
    expect((await on.samples(2)).changed.size).toBe(1);
    expect(on.memory.desired).toEqual({ web: 4 });
  });

  test("bursts while home is loaded, and goes nowhere when every hypervisor is", async () => {
    busy(0.7);
    on.load.set(HV1, 0.81);
    const burst = only(await on.samples(4));
    expect(burst.trace.placements).toEqual([
      {
        hypervisor: HV2,
        reasons: ["hv1: load 81 % ≥ its max 80 %"],
        because: "load 10 % < 50 %, 50 places free",
      },
    ]);

    on = new Metered();
    busy(0.7);
    for (const name of HVS) on.load.set(name, 0.9);
    const { notes, ...rest } = await on.samples(4);
    const held = only({ notes, ...rest });
    expect(notes).toMatchObject([{ reason: "NowhereToPlace", object: "subnet/t2/web", severity: "info" }]);
    expect([held.trace.current, held.trace.desired]).toEqual([2, 2]);
    expect(held.trace.stages.at(-1)?.reason).toBe(
      "nowhere to place it: hv1: load 90 % ≥ its max 80 %; hv2: load 90 % ≥ its max 80 %",
    );
  });

  test("of two subnets at once counts the room that the first was granted", async () => {
    const follow = { replicas: { min: 1, max: 3 }, autoscale: AUTOSCALE };
    on = new Metered(
      {},
      {
        subnets: [
          subnet("api", 1, follow),
          subnet("web", 1, { ...follow, cidr: "10.13.14.0/24" as never, service: serving() }),
        ],
        hypervisors: scenario().hypervisors.map((one) => ({
          ...one,
          spec: { ...one.spec, capacity: { replicas: one.metadata.name === HV1 ? 3 : 0 } },
        })),
      },
    );
    busy(0.9);
    const { records } = await on.samples(4);
    expect(records.map(({ trace }) => trace.desired)).toEqual([2, 1]);
  });
});

describe("load below the minimum", () => {
  beforeEach(async () => {
    busy(0.7);
    await on.samples(4);
    on.on.now = on.now;
    on.carryOut();
    busy(0.1);
  });

  test("lowers the count after the cooldown, one for each decision", async () => {
    expect((await on.samples(11)).changed.size).toBe(0);
    expect((await on.samples(1)).changed.size).toBe(1);
    expect(on.memory).toMatchObject({ desired: { web: 2 }, scaling: { web: { from: 3, to: 2 } } });
    on.carryOut();
    expect((await on.samples(20)).changed.size).toBe(0);
  });

  test("is held by the cooldown of before a restart", async () => {
    const restarted = autoscaleController(on.world);
    const changes: number[] = [];
    for (let one = 0; one < 12; one++) {
      on.later(5);
      changes.push((await on.evaluate(undefined, restarted)).changed.size);
    }
    expect(changes).toEqual([...Array.from({ length: 11 }, () => 0), 1]);
  });
});

describe("nobody is taken away", () => {
  beforeEach(async () => {
    busy(0.7);
    await on.samples(4);
    on.on.now = on.now;
    on.carryOut();
    busy(0.1);
    on.later(100);
  });

  test.each<[string, () => void]>([
    ["a hypervisor gives no sample", () => on.silent.add(HV1)],
    ["the output is cut off", () => (on.garble = (text) => text.replace("end n0nce\n", ""))],
    ["a counter is NaN", () => (on.garble = (text) => text.replace(/4711 \d+/, "4711 NaN"))],
    ["one replica is missing", () => (on.garble = (text) => text.replace(/container .*\n/, ""))],
    ["the clock is frozen", () => (on.garble = (text) => text.replace(/uptime .*/, "uptime 5"))],
    [
      "counters begin anew each time",
      () => (on.garble = (text) => text.replaceAll(/4711/g, () => `${on.execs.length}`)),
    ],
  ])("because %s", async (_what, trouble) => {
    trouble();
    const result = await on.samples(20);
    expect(result.changed.size).toBe(0);
    expect(only(result).trace.verdict).toBe("unknown");
    expect(on.memory.desired).toEqual({ web: 3 });
  });

  test("unless there are samples", async () => {
    await on.samples(20);
    expect(on.memory.desired).toEqual({ web: 2 });
  });
});

describe("once", () => {
  const once = (controller = on.controller): Promise<AutoscaleResult> =>
    evaluateOnce(controller, on.pass(), {
      now: () => on.now,
      sleep: async (milliseconds) => on.later(milliseconds / 1000),
    });

  test("decides with a full window, one time, and takes no longer than that", async () => {
    busy(0.9);
    const begun = on.now;
    const result = await once();
    expect(only(result).trace).toMatchObject({ current: 2, desired: 3, metrics: [{ known: 3, of: 3 }] });
    expect([[...result.changed], on.now - begun]).toEqual([[T2], 15_000]);
  });

  test("waits for the slowest subnet, and decides on the others no second time", async () => {
    const follow = (sampleSeconds: number) => ({
      replicas: { min: 1, max: 4 },
      autoscale: { ...AUTOSCALE, sampleSeconds, cooldownSeconds: 0 },
    });
    on = new Metered(
      {},
      {
        subnets: [
          subnet("api", 1, follow(10)),
          subnet("web", 1, { ...follow(5), cidr: "10.13.14.0/24" as never, service: serving() }),
        ],
      },
    );
    busy(0.9);
    const { records } = await once();
    expect(records.map((record) => [record.subnet, record.trace.desired])).toEqual([
      ["web", 2],
      ["api", 2],
    ]);
    expect(on.now).toBe(10_020_000);
  });

  test("ends at once where nothing follows its load", async () => {
    on = new Metered("none");
    expect((await once()).records).toEqual([]);
    expect(on.execs).toEqual([]);
  });

  test("takes one sample more where the first two come too close", async () => {
    on.now -= 100;
    busy(0.9);
    expect(only(await once()).trace).toMatchObject({ desired: 3, metrics: [{ known: 3, of: 3 }] });
  });

  test("decides nothing, once, where samples are missing", async () => {
    on.silent.add(HV1);
    expect(only(await once()).trace).toMatchObject({ verdict: "unknown", desired: 2 });
  });
});

describe("a call", () => {
  test("is one exec on each hypervisor that was seen, and changes nothing but counts", async () => {
    const before = on.ledger.state;
    await on.samples(3);
    expect(on.execs.toSorted()).toEqual([HV1, HV1, HV1, HV2, HV2, HV2]);
    expect(on.ledger.state).toBe(before);
    on.on.unseen = ["hv2"];
    on.execs.length = 0;
    await on.samples(1);
    expect(on.execs).toEqual([HV1]);
  });

  test("tells the hypervisors' loads, and those that gave no sample are not among them", async () => {
    on.load.set(HV2, 0.3);
    expect((await on.samples(1)).loads?.size).toBe(0);
    const { loads } = await on.samples(1);
    expect(loads?.get(HV2)).toBeCloseTo(0.3, 6);
    on.silent.add(HV2);
    expect([...((await on.samples(1)).loads?.keys() ?? [])]).toEqual([HV1]);
  });

  test("that comes too early asks nobody, and tells what is known", async () => {
    const { loads, again } = await on.samples(2);
    on.now += 4999;
    on.execs.length = 0;
    expect(await on.evaluate()).toMatchObject({ records: [], loads, again });
    expect(on.execs).toEqual([]);
    on.now += 1;
    expect((await on.evaluate()).records).toHaveLength(1);
  });

  test("tells no load any more once nobody follows it", async () => {
    expect((await on.samples(2)).loads?.size).toBe(2);
    on.on.subnets = [subnet("web", 2, { service: serving() })];
    expect((await on.samples(1)).loads).toBeUndefined();
  });

  test("goes on when the clock was set back", async () => {
    await on.samples(2);
    on.now -= 3_600_000;
    expect((await on.evaluate()).records).toHaveLength(1);
  });

  test("knows the load of hypervisors that are sampled rarely, too", async () => {
    on = new Metered({ sampleSeconds: 60, windowSeconds: 60 });
    busy(0.9);
    await on.evaluate();
    on.later(60);
    const { loads, changed } = await on.evaluate();
    expect([loads?.size, changed.size]).toEqual([2, 1]);
  });

  test("decides on each subnet at its own pace, and on those alone that are asked for", async () => {
    const follow = (sampleSeconds: number) => ({ autoscale: { ...AUTOSCALE, sampleSeconds } });
    on = new Metered(
      {},
      {
        subnets: [
          subnet("api", 1, follow(10)),
          subnet("web", 1, { ...follow(5), cidr: "10.13.14.0/24" as never, service: serving() }),
        ],
      },
    );
    const decided: string[] = [];
    for (let one = 0; one < 4; one++) {
      const { records, again } = await on.evaluate();
      decided.push(records.map((record) => record.subnet).join("+"));
      expect(again).toBe(on.now + 5000);
      on.later(5);
    }
    expect(decided).toEqual(["api+web", "web", "api+web", "web"]);
    const { records, again } = await on.evaluate(new Set(["t2/api"]));
    expect([records.map((record) => record.subnet), again]).toEqual([["api"], on.now + 10_000]);
  });

  test.each<[string, () => void]>([
    ["has no autoscale", () => (on = new Metered("none"))],
    ["is switched off", () => (on = new Metered({ mode: "off" }))],
    ["belongs to a tenant that is held down", () => change({ down: true })],
    ["is on its way out", () => change({ downSubnets: [WEB] })],
    ["may stand where nobody has looked yet", () => (on.ledger.state = { ...on.ledger.state, seen: [HV1] })],
  ])("leaves alone a subnet that %s", async (_what, prepare) => {
    prepare();
    expect(await on.evaluate()).toMatchObject({ records: [], again: undefined, loads: undefined });
    expect(on.execs).toEqual([]);
  });

  const change = (memory: Partial<TenantMemory>): void => {
    on.ledger.state = withTenant(on.ledger.state, T2, { ...on.memory, ...memory }, on.now);
  };
});

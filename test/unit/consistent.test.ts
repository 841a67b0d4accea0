import { describe, expect, test } from "@jest/globals";
import { believed, believedMachines, contradiction, type Ownership } from "../../src/facts/consistent.ts";
import { NOTHING } from "./facts-values.ts";
import type { ContainerSummary, SandboxFacts } from "../../src/facts/facts.ts";

const container = (id: string): ContainerSummary => ({
  id,
  name: id,
  image: "",
  imageId: "",
  state: "running",
  labels: {},
});
const eth0 = { mac: "02:01:0a:0d:0d:02", mtu: 1450, address: "10.13.13.2/24" };
const running = (...ids: readonly string[]): Map<string, SandboxFacts> =>
  new Map(ids.map((id) => [id, { pid: 1, interfaces: { eth0 }, gateway: undefined }]));

test("a list that knows nothing of what runs is as good as none", () => {
  expect(believed([], running("a"))).toBeUndefined();
  expect(believed([container("b")], running("a"))).toBeUndefined();
  expect(believed([container("a")], running("a", "just-started"))).toHaveLength(1);
  expect(believed([], new Map())).toEqual([]);
  expect(believed(undefined, running("a"))).toBeUndefined();
});

describe("replicas that have their links are not without a namespace", () => {
  const nobody = { namespaces: new Map(), containers: [], domains: [], sandboxes: new Map(), own: NOTHING };
  const ours: Ownership = {
    namespace: (name) => name === "campus.t1",
    container: () => true,
    machine: () => true,
  };
  const theirs: Ownership = { ...ours, container: () => false, machine: () => false };
  const seen = new Map([["campus.t1", {} as never]]);

  test("containers", () => {
    const look = { ...nobody, containers: [container("a")], sandboxes: running("a") };
    expect(contradiction(look, ours)).toMatch(/^a has its links/);
    // Somebody else's have theirs elsewhere.
    expect(contradiction(look, theirs)).toBeUndefined();
    expect(contradiction({ ...look, sandboxes: new Map() }, ours)).toBeUndefined();
    expect(contradiction({ ...look, namespaces: seen }, ours)).toBeUndefined();
  });

  test("virtual machines", () => {
    const made = { nanoCpus: 0, memory: 0, image: undefined, kernel: undefined, hasSeed: false };
    const machine = { name: "a", uuid: "", state: "running", metadata: {}, taps: ["wabcd1234"], made };
    const look = { ...nobody, domains: [machine] };
    expect(contradiction(look, ours)).toMatch(/^a has its links/);
    expect(contradiction(look, theirs)).toBeUndefined();
    expect(contradiction({ ...look, namespaces: seen }, ours)).toBeUndefined();
    // Started a moment ago, its taps not moved yet; or not running.
    const own = { ...NOTHING, links: [{ name: "wabcd1234" } as never] };
    expect(contradiction({ ...look, own }, ours)).toBeUndefined();
    expect(contradiction({ ...look, domains: [{ ...machine, state: "shut off" }] }, ours)).toBeUndefined();
  });
});

test("a list without machines is none where a machine's tap is seen", () => {
  const ours = (name: string): boolean => name === "campus.t1";
  const namespaces = (owner: string, name: string, type = "tun") =>
    new Map([[owner, { links: [{ name, type }] } as never]]);
  expect(believedMachines([], namespaces("campus.t1", "wabcd1234"), ours)).toBeUndefined();
  expect(believedMachines([], namespaces("other.t1", "wabcd1234"), ours)).toEqual([]);
  expect(believedMachines([], namespaces("campus.t1", "wabcd1234", "veth"), ours)).toEqual([]);
  expect(believedMachines([], namespaces("campus.t1", "tun0"), ours)).toEqual([]);
  expect(believedMachines([{} as never], namespaces("campus.t1", "wabcd1234"), ours)).toHaveLength(1);
});

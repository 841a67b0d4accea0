import { expect, test } from "@jest/globals";
import { believed, contradiction } from "../../src/facts/consistent.ts";
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

test("replicas that have their links are not without a namespace", () => {
  const look = { namespaces: new Map(), containers: [container("a")], sandboxes: running("a") };
  const ours = (name: string): boolean => name === "campus.t1";
  expect(contradiction(look, ours, () => true)).toMatch(/^a has its links/);
  // Somebody else's have theirs elsewhere.
  expect(contradiction(look, ours, () => false)).toBeUndefined();
  expect(contradiction({ ...look, sandboxes: new Map() }, ours, () => true)).toBeUndefined();
  const seen = new Map([["campus.t1", {} as never]]);
  expect(contradiction({ ...look, namespaces: seen }, ours, () => true)).toBeUndefined();
});

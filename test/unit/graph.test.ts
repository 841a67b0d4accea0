import { describe, expect, test } from "@jest/globals";
import { drawMermaid } from "../../src/cli/graph-mermaid.ts";
import { type Box, layOut } from "../../src/cli/graph-layout.ts";
import { drawSvg } from "../../src/cli/graph-svg.ts";
import { drawText } from "../../src/cli/graph-text.ts";
import { fleetView } from "../../src/controllers/fleet-view.ts";
import type { HypervisorName } from "../../src/api/names.ts";
import { type FleetGraph, graphOf } from "../../src/status/graph.ts";
import { observation, revisionOf } from "./cli-values.ts";
import { FLEET, hypervisor, pass, type Scenario, scenario, serving, subnet, T2 } from "./scenario.ts";

/** Three replicas, one of which finds no room at home, and a subnet that stands empty. */
const onboarding = (): Scenario =>
  scenario({
    hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: 2 }), hypervisor("hv2", "198.18.0.12")],
    subnets: [
      subnet("batch", 0, { cidr: "10.13.14.0/24" as never }),
      subnet("web", 3, { service: serving() }),
    ],
  });

function graph(on: Scenario, tenant?: string): FleetGraph {
  const seen = new Set<HypervisorName>(
    on.hypervisors.map(({ metadata }) => metadata.name).filter((name) => !on.unseen.includes(name)),
  );
  const observed = on.observed.filter((one) => seen.has(one.hypervisor));
  const sighting = {
    observed,
    seen,
    visible: { docker: seen, libvirt: seen },
    connections: undefined,
    answers: new Map(),
  };
  const view = fleetView({
    revision: revisionOf(on),
    memory: on.fleet,
    observation: observation(on),
    tenants: [{ name: T2, sighting, notes: [], pending: [] }],
    now: on.now,
  });
  return graphOf(view, FLEET, tenant);
}

function standing(change: (on: Scenario) => void = () => {}): FleetGraph {
  const on = onboarding();
  pass(on);
  change(on);
  return graph(on);
}

/** The same shape with every name and word changed. */
function renamed(rename: (text: string) => string): FleetGraph {
  const all = standing();
  const change = (value: unknown): unknown => {
    if (typeof value === "string") return rename(value);
    if (Array.isArray(value)) return value.map(change);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every string is another, and nothing else
  return change(all) as FleetGraph;
}

const hostile = renamed((text) => `${text}"]; end <script>&'#quot;\u001b[31m\n--> y`);

describe("a fleet as text", () => {
  test("shows where everything stands, and what connects it", () => {
    expect(drawText(standing())).toBe(`campus: 2 hypervisors, 1 tenant, 2 subnets, 3 replicas
├─ hypervisor hv1  198.18.0.11  Ready
├─ hypervisor hv2  198.18.0.12  Ready
└─ tenant t2  other hypervisors: hv2
   ├─ gateway on hv1
   │  └─ 198.18.100.10  80/TCP → web
   ├─ management  192.168.252.0/24  VXLAN 1001
   ├─ subnet batch  10.13.14.0/24  VXLAN 1002  0 of 0 ready
   └─ subnet web  10.13.13.0/24  VXLAN 1003  3 of 3 ready
      ├─ web-1  hv1  10.13.13.2  serving
      ├─ web-2  hv1  10.13.13.3  serving
      └─ web-3  hv2  10.13.13.4  serving
`);
  });

  test("says of what does not stand yet that it does not", () => {
    expect(drawText(graph(onboarding()))).toBe(`campus: 2 hypervisors, 1 tenant, 2 subnets, 0 replicas
├─ hypervisor hv1  198.18.0.11  Ready
├─ hypervisor hv2  198.18.0.12  Ready
└─ tenant t2  other hypervisors: hv2
   ├─ gateway to come on hv1
   │  └─ 198.18.100.10  80/TCP → web
   ├─ management  192.168.252.0/24  no VXLAN yet
   ├─ subnet batch  10.13.14.0/24  no VXLAN yet  0 of 0 ready
   └─ subnet web  10.13.13.0/24  no VXLAN yet  0 of 3 ready
`);
  });

  test("takes nothing that was not seen for gone, or for well", () => {
    const text = drawText(standing((on) => on.unseen.push("hv2")));
    expect(text).toContain("web-3  hv2  10.13.13.4  serving, not seen\n");
    expect(text).toContain("2 of 3 ready\n");
  });

  test("shows what stands and is no longer written down", () => {
    const text = drawText(
      standing((on) => {
        on.subnets = [];
        on.tenant = undefined;
        on.hypervisors = on.hypervisors.slice(0, 1);
      }),
    );
    expect(text).toContain("├─ hypervisor hv2  Unknown\n");
    expect(text).toContain("subnet web  10.13.13.0/24  VXLAN 1003  no document\n");
    expect(text).toContain("└─ web-3  hv2  10.13.13.4  serving, not seen\n");
  });

  test("keeps within 80 columns with the longest names and many ports, and steers no terminal", () => {
    const long = renamed((text) => text.padEnd(32, "n"));
    const [tenant] = long.tenants;
    const ports = Array.from({ length: 30 }, (_, port) => `${20_000 + port}/TCP`);
    const services = tenant?.services.map((service) => ({ ...service, ports })) ?? [];
    const wide = { ...long, tenants: long.tenants.map((one) => ({ ...one, services })) };
    const lines = drawText(wide).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.join(" ").match(/\d+\/TCP/g)).toEqual(ports);
    expect(drawText(hostile).replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  test("of one tenant has its hypervisors alone", () => {
    const on = onboarding();
    on.hypervisors.push(hypervisor("hv3", "198.18.0.13"));
    pass(on);
    expect(graph(on).hypervisors.map(({ name }) => name)).toEqual(["hv1", "hv2", "hv3"]);
    expect(graph(on, "t2").hypervisors.map(({ name }) => name)).toEqual(["hv1", "hv2"]);
    expect(graph(on, "t1")).toMatchObject({ hypervisors: [], tenants: [] });
  });
});

/** Reads what we write of Mermaid, and no more: throws at anything else. */
function parseMermaid(text: string): { labels: string[]; depth: number } {
  const [head, ...lines] = text.trimEnd().split("\n");
  expect(head).toBe("flowchart LR");
  const labels: string[] = [];
  const nodes = new Set<string>();
  let [depth, deepest] = [0, 0];
  for (const line of lines.map((one) => one.trim())) {
    const node = /^(subgraph )?([a-z0-9]+)(?:\["([^"]*)"\]|\(\["([^"]*)"\]\))$/.exec(line);
    const edge = /^([a-z0-9]+) (?:-->|---) ([a-z0-9]+)$/.exec(line);
    if (node) {
      const [, group, name = "", ...found] = node;
      if (nodes.has(name)) throw new Error(`twice: ${name}`);
      nodes.add(name);
      labels.push(...found.filter((label) => label !== undefined));
      if (group) deepest = Math.max(deepest, ++depth);
    } else if (edge) for (const end of edge.slice(1)) expect(nodes).toContain(end);
    else if (line === "end" && depth > 0) depth--;
    else throw new Error(`not understood: ${line}`);
  }
  expect(depth).toBe(0);
  return { labels, depth: deepest };
}

describe("a fleet as a Mermaid flowchart", () => {
  test("has a subgraph for each hypervisor inside each tenant, and edges between what there is", () => {
    const text = drawMermaid(standing());
    const { labels, depth } = parseMermaid(text);
    expect(depth).toBe(2);
    expect(labels).toContain("web-3<br>10.13.13.4<br>serving");
    expect(labels).toContain("gateway<br>198.18.100.10 80/TCP → web");
    expect(text).toMatch(/subgraph t0h1\["hypervisor hv2[^"]*"\]\n +t0s1r2\["web-3/);
    expect(text).toMatch(/ {2}t0g --- t0s0\n {2}t0g --> t0s1\n/);
    parseMermaid(drawMermaid(graph(onboarding())));
  });

  test("has labels from which nothing breaks out", () => {
    const { labels } = parseMermaid(drawMermaid(hostile));
    const bare = labels.join("").replaceAll("<br>", "").replaceAll(/#\d+;/g, "");
    expect(bare).not.toMatch(/[^A-Za-z0-9 .,/:→-]/);
    expect(labels.join("")).toContain("web-1#34;#93;#59; end #60;script#62;");
  });
});

/** The elements of a document, each with its text; throws where one is not closed as it was opened. */
function parseXml(text: string): { name: string; text: string }[] {
  const open: { name: string; text: string }[] = [];
  const all: { name: string; text: string }[] = [];
  const tag = /<(\/?)([a-z]+)((?: [a-zA-Z]+="[^"<&]*")*)(\/?)>/y;
  for (let at = 0; at < text.length; ) {
    tag.lastIndex = at;
    const found = tag.exec(text);
    if (found) {
      const [whole, closing, name = "", , empty] = found;
      if (closing) expect(open.pop()?.name).toBe(name);
      else {
        all.push({ name, text: "" });
        if (!empty) open.push(all.at(-1)!);
      }
      at += whole.length;
      continue;
    }
    const [words] = /^(?:[^<&>]|&#\d+;)+/.exec(text.slice(at)) ?? [];
    if (words === undefined) throw new Error(`not well-formed: ${text.slice(at, at + 40)}`);
    const last = open.at(-1);
    if (last) last.text += words;
    at += words.length;
  }
  expect(open).toEqual([]);
  return all;
}

describe("a fleet as a picture", () => {
  test("is well-formed, has a title on everything, and no script", () => {
    const elements = parseXml(drawSvg(standing()));
    const names = elements.map(({ name }) => name);
    expect([...new Set(names)].toSorted()).toEqual(["g", "rect", "style", "svg", "text", "title"]);
    const count = (name: string): number => names.filter((one) => one === name).length;
    expect(count("title")).toBe(count("g") + 1);
    expect(elements).toContainEqual({ name: "text", text: "web-3 10.13.13.4 serving" });
    expect(elements).toContainEqual({ name: "text", text: "198.18.100.10 80/TCP → web" });
  });

  test("is of the colour of text, and the same each time", () => {
    const picture = drawSvg(standing());
    expect(picture).not.toMatch(/#[0-9a-f]{3,6}\b|rgb|black|white;/);
    expect(picture).toContain("stroke: currentColor");
    expect(drawSvg(standing())).toBe(picture);
  });

  test("has text from which nothing breaks out", () => {
    const picture = drawSvg(hostile);
    expect(parseXml(picture).map(({ name }) => name)).not.toContain("script");
    expect(picture.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});

describe("a layout", () => {
  const isIn = (inner: Box, outer: Box): boolean =>
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height;
  const isBeside = (a: Box, b: Box): boolean =>
    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
  const one = standing();
  const two = { ...one, tenants: [...one.tenants, ...graph(onboarding()).tenants] };
  const { boxes, width, height } = layOut(two);
  const of = (kind: Box["kind"]): Box[] => boxes.filter((box) => box.kind === kind);

  test("puts replicas into subnets, those into tenants and hypervisors, and all into the picture", () => {
    expect(Object.fromEntries(boxes.map(({ kind }) => [kind, of(kind).length]))).toEqual({
      hypervisor: 2,
      tenant: 2,
      gateway: 2,
      subnet: 8,
      replica: 3,
    });
    const all = { ...of("tenant")[0]!, x: 0, y: 0, width, height };
    const around = (box: Box, kind: Box["kind"]): number =>
      of(kind).filter((outer) => isIn(box, outer)).length;
    for (const box of boxes) expect(isIn(box, all)).toBe(true);
    for (const box of of("replica")) expect(around(box, "subnet")).toBe(1);
    for (const box of [...of("gateway"), ...of("subnet"), ...of("replica")])
      expect([around(box, "tenant"), around(box, "hypervisor")]).toEqual([1, 1]);
  });

  test("lays nothing over anything of its kind", () => {
    for (const kind of ["hypervisor", "tenant", "subnet", "replica"] as const)
      for (const [index, box] of of(kind).entries())
        for (const other of of(kind).slice(index + 1)) expect(isBeside(box, other)).toBe(true);
    for (const box of of("gateway"))
      for (const other of of("subnet")) expect(isBeside(box, other)).toBe(true);
  });

  test("shows faintly what is not there yet, or not known to serve", () => {
    expect(of("gateway").map(({ faint }) => faint)).toEqual([false, true]);
    expect(of("subnet").map(({ faint }) => faint)).toEqual(
      [false, true].flatMap((faint) => Array<boolean>(4).fill(faint)),
    );
    expect(of("replica").map(({ faint }) => faint)).toEqual([false, false, false]);
    const unseen = layOut(standing((on) => on.unseen.push("hv2"))).boxes;
    expect(unseen.filter(({ faint }) => faint).map(({ lines }) => lines[0])).toEqual(
      expect.arrayContaining(["web-3 10.13.13.4 serving, not seen"]),
    );
  });

  test("of nothing is a picture all the same", () => {
    parseXml(drawSvg({ fleet: FLEET, hypervisors: [], tenants: [] }));
  });
});

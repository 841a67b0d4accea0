import type { PlanEntry } from "../plan/plan.ts";
import type { ContainerState } from "../resources/container.ts";

/** One fact of a resource's state: where in it, and how it reads. */
interface Fact {
  readonly path: string;
  readonly text: string;
}

/** What is only there to carry a change out, or says again what other fields say. */
const SILENT = new Set(["restore", "request", "printed", "written", "signal", "id", "udp", "name"]);

/** Given when a link is made, and not shown by it afterwards. */
const UNREAD: Readonly<Record<string, string>> = { vxlan: "device", uplink: "device" };

/** Of these a hypervisor shows more than anybody asks for. */
const PARTIAL = new Set(["flags", "values"]);

/** How a resource differs: lines that are and should not be, and lines that should be and are not. */
export interface Difference {
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** The difference that a plan's entry makes, limited to what differs. */
export function differenceOf({ kind, before, after }: PlanEntry): Difference {
  const observed = before ? factsOf(kind, before.state) : [];
  const desired = after ? factsOf(kind, after.state) : [];
  const roots = new Set(desired.map(({ path }) => rootOf(path)));
  const paths = new Set(desired.map(({ path }) => path));
  const isAskedFor = ({ path }: Fact): boolean =>
    after === undefined || (roots.has(rootOf(path)) && (!PARTIAL.has(rootOf(path)) || paths.has(path)));
  const wanted = new Set(desired.map(({ text }) => text));
  const present = new Set(observed.map(({ text }) => text));
  return {
    removed: observed
      .filter((fact) => fact.text !== "" && isAskedFor(fact) && !wanted.has(fact.text))
      .map(textOf),
    added: desired.filter(({ text }) => text !== "" && !present.has(text)).map(textOf),
  };
}

const textOf = ({ text }: Fact): string => text;
const rootOf = (path: string): string => path.split("/")[0] ?? "";

function factsOf(kind: string, state: unknown): Fact[] {
  const facts = flatten(kind === "container" ? containerFacts(state) : state, "");
  return facts.filter(({ path }) => path !== UNREAD[kind]);
}

/** Of a container's environment and labels only what tells replicas apart: an environment may hold secrets. */
function containerFacts(state: unknown): unknown {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a kind is only ever given states that it made itself
  const { mark, running, request } = state as ContainerState;
  const { incarnation, address, managementAddress, specHash } = mark;
  return { incarnation, address, managementAddress, specHash, image: request?.image, running };
}

/** Plain data as lines. A list is a set of lines of equal standing, because order in it is somebody else's. */
function flatten(value: unknown, path: string): Fact[] {
  const label = path.replaceAll("/", ".");
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) {
    const items = value.map((item) => ({ path, text: `${label}: ${String(item)}` }));
    return items.length > 0 ? items : [{ path, text: "" }];
  }
  if (typeof value !== "object")
    return [{ path, text: `${label}: ${JSON.stringify(value).replaceAll('"', "")}` }];
  const parts = Object.entries(value)
    .filter(([key]) => !SILENT.has(key))
    .flatMap(([key, part]: [string, unknown]) =>
      flatten(part, path === "" ? key : `${path}/${key.replaceAll("/", ".")}`),
    );
  return parts.length > 0 || path === "" ? parts : [{ path, text: "" }];
}

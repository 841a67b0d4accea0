import type { Verb } from "../resources/resource.ts";

/** The mark of each kind of line, the same everywhere. */
export const MARKS: Readonly<Record<Verb | "unknown", string>> = {
  add: "+",
  change: "~",
  replace: "±",
  remove: "-",
  unknown: "?",
};

/** What people call a kind of resource, and several of it. */
const WORDS: Readonly<Record<string, readonly [one: string, several: string]>> = {
  netns: ["namespace", "namespaces"],
  guard: ["guard", "guards"],
  sysctls: ["settings", "settings"],
  filter: ["firewall", "firewalls"],
  bridge: ["bridge", "bridges"],
  vxlan: ["VXLAN", "VXLANs"],
  uplink: ["uplink", "uplinks"],
  "local-pair": ["local link", "local links"],
  neighbours: ["neighbours", "neighbour tables"],
  forwarding: ["forwarding", "forwarding tables"],
  container: ["container", "containers"],
  port: ["port", "ports"],
  "port-rules": ["port rules", "sets of port rules"],
  nat: ["balancer", "balancers"],
  network: ["network", "networks"],
};

/** What people call a kind of resource. */
export const wordOf = (kind: string): string => WORDS[kind]?.[0] ?? kind;

/** `3 containers`. */
export const countOf = (number: number, kind: string): string => {
  const [one, several] = WORDS[kind] ?? [kind, `${kind}s`];
  return `${number} ${number === 1 ? one : several}`;
};

/** `3 replicas`: any other word. */
export const plural = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`;

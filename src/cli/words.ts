import type { Verb } from "../resources/resource.ts";

/** The mark of each kind of line, the same everywhere. */
export const MARKS: Readonly<Record<Verb | "unknown", string>> = {
  add: "+",
  change: "~",
  replace: "±",
  remove: "-",
  unknown: "?",
};

/** What people call a kind of resource, one of it, and several. */
const WORDS: Readonly<Record<string, readonly [name: string, one: string, several: string]>> = {
  netns: ["namespace", "namespace", "namespaces"],
  guard: ["guard", "guard", "guards"],
  sysctls: ["settings", "set of settings", "sets of settings"],
  filter: ["firewall", "firewall", "firewalls"],
  bridge: ["bridge", "bridge", "bridges"],
  vxlan: ["VXLAN", "VXLAN", "VXLANs"],
  uplink: ["uplink", "uplink", "uplinks"],
  "local-pair": ["local link", "local link", "local links"],
  neighbours: ["neighbours", "neighbour table", "neighbour tables"],
  forwarding: ["forwarding", "forwarding table", "forwarding tables"],
  resolver: ["resolver", "resolver", "resolvers"],
  collector: ["collector", "collector", "collectors"],
  container: ["container", "container", "containers"],
  bastion: ["bastion", "bastion", "bastions"],
  domain: ["VM", "VM", "VMs"],
  port: ["port", "port", "ports"],
  "port-rules": ["port rules", "set of port rules", "sets of port rules"],
  nat: ["balancer", "balancer", "balancers"],
};

/** What people call a kind of resource. */
export const wordOf = (kind: string): string => WORDS[kind]?.[0] ?? kind;

/** `3 containers`. */
export const countOf = (number: number, kind: string): string => {
  const [, one, several] = WORDS[kind] ?? [kind, kind, `${kind}s`];
  return `${number} ${number === 1 ? one : several}`;
};

/** `3 replicas`: any other word. */
export const plural = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`;

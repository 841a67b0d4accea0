import { EvenkeelError } from "../api/errors.ts";
import type { FleetName, HypervisorName } from "../api/names.ts";
import { parseCollectors } from "./collectors.ts";
import { believed, believedMachines } from "./consistent.ts";
import { parseDomains } from "./domains.ts";
import type { ContainerSummary, FenceFact, HostFacts, NamespaceFacts } from "./facts.ts";
import { parseResolvers } from "./resolvers.ts";
import { parseForwarding, parseNetwork } from "./network.ts";
import { parseTables } from "./rules.ts";
import { parseSandboxes } from "./sandboxes.ts";

interface Section {
  readonly title: string;
  readonly text: string;
}

/** What reading a look needs to know. */
export interface ParseOptions {
  readonly nonce: string;
  readonly fleet: FleetName;
  /** Whether a namespace is our fleet's. */
  readonly ours: (namespace: string) => boolean;
  /** Docker's list; undefined when it did not answer. */
  readonly containers: readonly ContainerSummary[] | undefined;
}

/**
 * Turns the output of one look into facts.
 * @throws EvenkeelError EK-LOOK-INCOMPLETE when the closing sentinel is missing, or a part that matters failed or is garbled.
 */
export function parseLook(hypervisor: HypervisorName, output: string, options: ParseOptions): HostFacts {
  try {
    return readLook(hypervisor, output, options);
  } catch (error) {
    if (error instanceof SyntaxError) throw incomplete(hypervisor, error.message);
    throw error;
  }
}

function readLook(hypervisor: HypervisorName, output: string, options: ParseOptions): HostFacts {
  const sections = split(output, options.nonce);
  // guard: sentinel
  if (sections.at(-1)?.title !== "end")
    throw incomplete(hypervisor, "the output ends before its closing line");

  const firstNamespace = sections.findIndex(({ title }) => title.startsWith("namespace "));
  const afterNamespaces = sections.findIndex(({ title }) => title === "domains");
  const own = sections.slice(0, firstNamespace === -1 ? afterNamespaces : firstNamespace);
  const failed = [...own, ...sections.slice(afterNamespaces)].find(({ title }) =>
    title.startsWith("failed "),
  );
  // guard: unknown is not absent
  if (failed) throw incomplete(hypervisor, `${failed.title}: ${failed.text.trim()}`);

  const namespaces = new Map<string, NamespaceFacts>();
  for (const [name, parts] of byNamespace(sections.slice(own.length, afterNamespaces))) {
    const failure = parts.find(({ title }) => title.startsWith("failed "));
    // A foreign namespace may come and go under our eyes; one of ours that cannot be read makes the look incomplete.
    // guard: unknown is not absent
    if (failure && options.ours(name)) throw incomplete(hypervisor, `namespace ${name}: ${failure.title}`);
    if (!failure) namespaces.set(name, readNamespace(name, parts));
  }
  const { links, routes, neighbours, forwarding, ipv4, sysctls } = readNamespace("", own);
  const sandboxes = parseSandboxes(
    textOf(sections, "sandboxes"),
    textOf(sections, "interfaces"),
    textOf(sections, "sockets"),
  );
  const listed = options.containers ?? (textOf(sections, "docker").trim() === "none" ? [] : undefined);
  return {
    hypervisor,
    bootId: textOf(own, "boot").trim(),
    own: { links, routes, neighbours, forwarding, ipv4, sysctls },
    namespaces,
    // guard: what contradicts itself is not believed
    containers: believed(listed, sandboxes),
    domains: believedMachines(
      parseDomains(textOf(sections, "domains"), options.fleet),
      namespaces,
      options.ours,
    ),
    sandboxes,
    resolvers: parseResolvers(options.fleet, textOf(sections, "resolvers")),
    collectors: parseCollectors(options.fleet, textOf(sections, "collectors")),
    fence: parseFence(textOf(own, "fence")),
  };
}

const incomplete = (hypervisor: HypervisorName, why: string): EvenkeelError =>
  new EvenkeelError("EK-LOOK-INCOMPLETE", `the look at ${hypervisor} is incomplete: ${why}`, {
    fix: "nothing is deleted on its account; it is looked at again with the next pass",
  });

function split(output: string, nonce: string): Section[] {
  const [, ...parts] = output.split(`\n#>${nonce} `);
  return parts.map((part) => {
    const newline = part.indexOf("\n");
    return newline === -1
      ? { title: part, text: "" }
      : { title: part.slice(0, newline), text: part.slice(newline + 1) };
  });
}

function byNamespace(sections: readonly Section[]): Map<string, Section[]> {
  const found = new Map<string, Section[]>();
  let current: Section[] = [];
  for (const section of sections) {
    if (section.title.startsWith("namespace ")) {
      current = [];
      found.set(section.title.slice("namespace ".length), current);
    } else current.push(section);
  }
  return found;
}

const textOf = (sections: readonly Section[], title: string): string =>
  sections.find((section) => section.title === title)?.text ?? "";

function readNamespace(name: string, parts: readonly Section[]): NamespaceFacts {
  const connections = parts.find(({ title }) => title === "connections");
  return {
    name,
    ...parseNetwork(textOf(parts, "ip")),
    forwarding: parseForwarding(textOf(parts, "forwarding")),
    ipv4: parseTables(textOf(parts, "ipv4"), "COMMIT"),
    ipv6: parseTables(textOf(parts, "ipv6"), "COMMIT"),
    bridge: parseTables(textOf(parts, "bridge")),
    sysctls: parseSysctls(textOf(parts, "sysctls")),
    connections: connections && parseConnections(connections.text, LIVE),
    unclosed: connections && parseConnections(connections.text, UNCLOSED),
  };
}

function parseSysctls(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) values[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return values;
}

/** TCP states in which somebody may still be waiting for an answer; TIME_WAIT and CLOSE linger for minutes and do not count. */
const LIVE = new Set(["ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK"]);

/** A connection that was cut stays in this one: nobody said in it that it ends. */
const UNCLOSED = new Set(["ESTABLISHED"]);

/** Lines `tcp ESTABLISHED 10.13.13.11 4` to connections by address; UDP has no connections to wait for. */
function parseConnections(text: string, states: ReadonlySet<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [protocol, state = "", address = "", count] = line.trim().split(" ");
    if (protocol === "tcp" && states.has(state)) counts[address] = (counts[address] ?? 0) + Number(count);
  }
  return counts;
}

function parseFence(text: string): FenceFact | undefined {
  const [epoch, state, age, ledger, holder, manifests, serial] = text.trim().split(" ");
  if (!epoch || !age || !ledger || !holder || (state !== "held" && state !== "free")) return undefined;
  return {
    epoch: Number(epoch),
    state,
    ageSeconds: Number(age),
    ledger,
    holder: decodeURIComponent(holder),
    manifests: decodeURIComponent(manifests ?? ""),
    serial: Number(serial ?? 0),
  };
}

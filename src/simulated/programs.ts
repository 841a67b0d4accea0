import { type BatchOperation, SANDBOX, type Tool } from "../resources/operation.ts";
import type { Block } from "../hosts/render.ts";
import type { BlockResult } from "../hosts/change.ts";
import { killCollector, startCollector } from "./collectors.ts";
import { endContainer, removeContainer } from "./docker.ts";
import { bridgeLine, ipLine } from "./ip-lines.ts";
import { domainLine, startDomain } from "./libvirt.ts";
import { removeSpace } from "./links.ts";
import { loopback, type Machine } from "./machine.ts";
import { emptySpace, type Space } from "./parts.ts";
import { killResolver, startResolver, tellResolver } from "./resolvers.ts";
import { Refused } from "./refused.ts";
import { hostChain, removeHostChain, restore, restoreNoFlush } from "./tables.ts";

/** How many lines may still be carried out before all stops, as if the power went: a batch that is cut in the middle. */
export interface Budget {
  lines: number;
}

/** Everything stopped before the next line. */
export class Cut extends Error {}

/**
 * Carries one tenant's block out, line by line, until the first that is refused.
 * @throws Cut
 */
export function runBlock(machine: Machine, { operations, sandboxes }: Block, budget: Budget): BlockResult {
  try {
    const troubles = operations.flatMap((operation) => run(machine, operation, sandboxes, budget) ?? []);
    return { ok: true, message: troubles.join("\n") };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, message: error.message };
    throw error;
  }
}

/** @returns what went wrong and is no reason to stop */
function run(
  machine: Machine,
  operation: BatchOperation,
  sandboxes: ReadonlyMap<string, string>,
  budget: Budget,
): string | undefined {
  const spend = (): void => {
    if (budget.lines-- <= 0) throw new Cut();
  };
  if (operation.tool === "domain-start") {
    spend();
    return troubleOf(() => startDomain(machine, operation.request), operation.request.name);
  }
  const { tool, namespace, lines, sandboxOf } = operation;
  const resolve = RESOLVES[tool];
  if (resolve) {
    spend();
    resolve(machine, namespace ?? "", lines);
    return undefined;
  }
  const sandbox = sandboxOf === undefined ? undefined : sandboxes.get(sandboxOf);
  const place = tool === "sandbox" ? sandbox : namespace;
  const space = place === undefined ? machine.own : spaceOf(machine, place);
  const whole = WHOLE[tool];
  if (whole) {
    spend();
    whole(space, lines);
    return undefined;
  }
  for (const line of lines) {
    spend();
    LINES[tool]?.(machine, space, sandbox === undefined ? line : line.replace(SANDBOX, sandbox));
  }
  return undefined;
}

function troubleOf(attempt: () => void, name: string): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return `${name}: ${error.message}`;
    throw error;
  }
}

function spaceOf(machine: Machine, name: string): Space {
  const sandbox = [...machine.containers.values()].find((one) => one.sandbox === name);
  const space = machine.spaces.get(name) ?? sandbox?.space;
  if (!space) throw new Refused(`Cannot open network namespace "${name}": No such file or directory`);
  return space;
}

/** Tools that take all their lines at once. */
const WHOLE: { readonly [tool in Tool]?: (space: Space, lines: readonly string[]) => void } = {
  iptables: (space, lines) => restore(space, "ipv4", lines),
  ip6tables: (space, lines) => restore(space, "ipv6", lines),
  ebtables: (space, lines) => restore(space, "bridge", lines),
  "host-iptables": restoreNoFlush,
  "host-chain": (space, [chain = "", hook = ""]) => hostChain(space, chain, hook),
};

/** Tools that never refuse, whether the namespace is there or not. */
const RESOLVES: {
  readonly [tool in Tool]?: (machine: Machine, namespace: string, lines: readonly string[]) => void;
} = {
  "resolver-start": startResolver,
  "resolver-tell": tellResolver,
  "collector-start": startCollector,
};

/** Tools that do one line after the other. */
const LINES: { readonly [tool in Tool]?: (machine: Machine, space: Space, line: string) => void } = {
  ip: inSpace(),
  "ip-inside": inSpace(),
  sandbox: inSpace(),
  bridge: (_, space, line) => bridgeLine(space, line),
  "bridge-inside": (_, space, line) => bridgeLine(space, line),
  sysctl,
  "host-chain-remove": (_, space, line) => removeHostChain(space, line),
  conntrack: () => {}, // no UDP flows are kept here
  unpause(machine, _, id) {
    const container = machine.containers.get(id);
    if (container?.state === "paused") container.state = "running";
  },
  signal(machine, _, line) {
    const [, id = ""] = line.split(" ");
    endContainer(machine, id);
  },
  domain: (machine, _, line) => domainLine(machine, line),
  "remove-container": (machine, _, id) => removeContainer(machine, id),
  "resolver-stop": (machine, _, line) => void machine.resolvers.delete(line.split(" ")[0] ?? ""),
  "collector-stop": (machine, _, line) => void machine.collectors.delete(line.split(" ")[0] ?? ""),
  "netns-add"(machine, _, name) {
    if (machine.spaces.has(name)) return;
    const space = emptySpace();
    loopback(machine, space);
    machine.spaces.set(name, space);
  },
  "netns-remove"(machine, _, name) {
    const space = machine.spaces.get(name);
    if (!space) return;
    killResolver(machine, name);
    killCollector(machine, name);
    removeSpace(machine, space);
    machine.spaces.delete(name);
  },
};

function inSpace() {
  return (machine: Machine, space: Space, line: string): void =>
    ipLine({ machine, space, spaceOf: (name) => spaceOf(machine, name) }, line);
}

/** `PATH=VALUE`. */
function sysctl(_: Machine, space: Space, line: string): void {
  const [path = "", value = ""] = line.split("=");
  const forwarding = path === "ipv4/ip_forward" && space.sysctls[path] !== value;
  space.sysctls = {
    ...space.sysctls,
    [path]: value,
    // Turning forwarding on or off turns the taking of redirects off or on.
    ...(path === "ipv6/conf/all/disable_ipv6" && { "ipv6/conf/default/disable_ipv6": value }),
    ...(forwarding && { "ipv4/conf/all/accept_redirects": value === "1" ? "0" : "1" }),
  };
}

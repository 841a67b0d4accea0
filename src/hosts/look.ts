import { EvenkeelError } from "../api/errors.ts";
import type { Mac } from "../api/addresses.ts";
import type { FleetName } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";
import { contradiction } from "../facts/consistent.ts";
import { parseLook } from "../facts/parse.ts";
import { lookScript } from "../facts/script.ts";
import { readDomainMark, readMark, type ReplicaMark, tenantOf } from "../resources/marks.ts";
import type { Shell } from "./shell.ts";
import { type FenceClaim, fenceLine } from "./render.ts";

export interface LookOptions {
  readonly fleet: FleetName;
  /** Namespaces whose connections are to be counted. */
  readonly draining: readonly string[];
  /** Replicas whose own sockets are to be counted. */
  readonly drainingMacs?: readonly Mac[];
  readonly freeFence: boolean;
  /** Renewed by the look of a controller that stays; left out, a look changes nothing. */
  readonly keepFence?: FenceClaim | undefined;
  /** Identity of this controller's ledger. */
  readonly ledger: string;
  readonly lookSeconds: number;
  readonly signal: AbortSignal;
  readonly nonce: () => string;
}

/**
 * Looks at one hypervisor: one exec, and beside it Docker's list over the same connection.
 * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-LOOK-INCOMPLETE: then nothing is known, least of all that
 *   something is not there
 */
export async function look(shell: Shell, options: LookOptions): Promise<HostFacts> {
  const { fleet, draining, drainingMacs = [], freeFence, keepFence, ledger, lookSeconds, signal } = options;
  const nonce = options.nonce();
  const script = lookScript({
    fleet,
    nonce,
    draining,
    drainingMacs,
    ...(freeFence && ledger !== "" && { freeFenceOf: ledger }),
    ...(keepFence && keepFence.ledger !== "" && { keepFence: { ...keepFence, line: fenceLine(keepFence) } }),
  });
  const [result, containers] = await Promise.all([
    shell.run(script, { deadlineSeconds: lookSeconds, signal }),
    shell.containers.list(signal).catch(unanswered),
  ]);
  // guard: unknown is not absent
  if (result.state === "unknown" || result.code !== 0)
    throw new EvenkeelError(
      "EK-LOOK-INCOMPLETE",
      `the look at ${shell.name} did not end well: ${result.state === "unknown" ? "the connection was lost" : `exit ${result.code}`}${result.stderr ? `: ${result.stderr.trim().slice(0, 300)}` : ""}`,
    );
  const facts = parseLook(shell.name, result.stdout, { nonce, containers, fleet, ours: ours(fleet) });
  // guard: what contradicts itself is not believed
  return consistent(facts, fleet);
}

/** Whether a namespace is the fleet's. */
const ours =
  (fleet: FleetName) =>
  (namespace: string): boolean =>
    tenantOf(fleet, namespace) !== undefined;

/**
 * The same facts, where nothing in them speaks against their being whole.
 * @throws EvenkeelError EK-LOOK-INCOMPLETE
 */
export function consistent(facts: HostFacts, fleet: FleetName): HostFacts {
  // Of a namespace that a process of its gateway keeps it is known why it is not seen.
  const isMeant = (mark: ReplicaMark | undefined): boolean => {
    if (!mark) return false;
    return !facts.resolvers.get(mark.tenant)?.isAstray && !facts.collectors.get(mark.tenant)?.isAstray;
  };
  const why = contradiction(facts, {
    namespace: ours(fleet),
    container: (one) => isMeant(readMark(fleet, one)),
    machine: (one) => isMeant(readDomainMark(fleet, one)),
  });
  // guard: what contradicts itself is not believed
  if (why === undefined) return facts;
  throw new EvenkeelError("EK-LOOK-INCOMPLETE", `the look at ${facts.hypervisor} is incomplete: ${why}`, {
    fix: `on ${facts.hypervisor}: ls /run/netns; a namespace that lost its name goes on unseen`,
  });
}

/** Docker that does not answer is not Docker without containers. */
function unanswered(error: unknown): undefined {
  // guard: unknown is not absent
  if (error instanceof EvenkeelError) return undefined;
  throw error;
}

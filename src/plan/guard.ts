import { planIdOf } from "../api/digest.ts";
import type { FleetName, HypervisorName, TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { HostFacts } from "../facts/facts.ts";
import { isMarked, tenantOf } from "../resources/marks.ts";
import { isVxlan } from "../resources/vxlan.ts";
import { isUplink } from "../resources/uplink.ts";
import { losses, type PlanEntry } from "./plan.ts";

/** What a guard lets through, and what it says of the rest. */
export interface Guarded {
  readonly entries: readonly PlanEntry[];
  readonly notes: readonly Note[];
}

/**
 * Links that would clash with something that is not ours are not made, and the note names who has the name or id; nor is
 * one whose device is not there, so that the one it would replace stays.
 */
export function guardNames(
  entries: readonly PlanEntry[],
  seen: ReadonlyMap<HypervisorName, HostFacts>,
  fleet: FleetName,
): Guarded {
  const notes: Note[] = [];
  const stopped = entries.filter((entry) => {
    if (!entry.after || entry.verb === "change") return false;
    const facts = seen.get(entry.hypervisor);
    const found = facts && (missingDevice(entry, facts) ?? holderOf(entry, facts, fleet));
    if (!found) return false;
    const object = entry.subnet ? `subnet/${entry.tenant}/${entry.subnet}` : `tenant/${entry.tenant}`;
    notes.push({ ...found, object, severity: "stuck" });
    return true;
  });
  // What a link that is not replaced would have lost is still there.
  const kept = new Set([...stopped.map(({ key }) => key), ...stopped.flatMap(losses)]);
  return { entries: entries.filter(({ key }) => !kept.has(key)), notes };
}

type Found = Pick<Note, "reason" | "message">;

function missingDevice({ after, hypervisor }: PlanEntry, { own }: HostFacts): Found | undefined {
  if (!after || !(isVxlan(after) || isUplink(after))) return undefined;
  const { link, device } = after.state;
  if (device === undefined || own.links.some(({ name }) => name === device)) return undefined;
  const message = `${hypervisor} has no device ${device}, on which ${link} is to hang`;
  return { reason: "HypervisorUnfit", message };
}

function holderOf(entry: PlanEntry, facts: HostFacts, fleet: FleetName): Found | undefined {
  const taken = (what: string): Found => ({ reason: "NameTaken", message: `${what} on ${entry.hypervisor}` });
  if (entry.after && isVxlan(entry.after)) {
    const { id } = entry.after.state;
    for (const { name, links } of [{ name: "", links: facts.own.links }, ...facts.namespaces.values()]) {
      const link = links.find(({ vxlan }) => vxlan?.id === id);
      // guard: owner's mark
      if (link && tenantOf(fleet, name) !== entry.tenant)
        return taken(`VXLAN id ${id} is held by ${link.name}${name ? ` in namespace ${name}` : ""}`);
    }
  }
  const created = entry.operations.flatMap((operation) =>
    operation.phase === "create"
      ? operation.lines.flatMap(
          (line) => /^link add name (\S+) (?!.*netns \S+ type (?:bridge|vxlan))/.exec(line)?.[1] ?? [],
        )
      : [],
  );
  const holder = facts.own.links.find((link) => created.includes(link.name) && !isMarked(link, fleet));
  // guard: owner's mark
  return holder && taken(`the link name ${holder.name} is held by a link of another owner`);
}

/** Something whose manifest is gone, and what it would take along. */
export interface Departure {
  readonly tenant: TenantName;
  /** Only some subnets of it; undefined when it is the whole tenant. */
  readonly subnets: readonly string[] | undefined;
  readonly replicas: number;
}

/** Five replicas or more, if they are more than this share of the fleet's, are too many to go without a word. */
const MANY = 5;
const SHARE = 0.2;

/**
 * Removal because files are gone: one tenant at a time, and not too much of the fleet. More waits for `approve`: a wrong
 * branch or an empty checkout must not take everything down.
 */
export function guardDepartures(
  departures: readonly Departure[],
  fleetReplicas: number,
  approvals: readonly string[],
): { allowed: readonly Departure[]; refusal: Refusal | undefined; spent: readonly string[] } {
  const replicas = departures.reduce((sum, departure) => sum + departure.replicas, 0);
  const tenants = departures.filter(({ subnets }) => subnets === undefined).length;
  // guard: mass deletion
  const many = replicas >= MANY && replicas > SHARE * fleetReplicas;
  // guard: mass deletion
  if (tenants <= 1 && !many) return { allowed: departures, refusal: undefined, spent: [] };
  const id = planIdOf({
    remove: departures.map(({ tenant, subnets }) => ({ tenant, subnets: subnets ?? null })),
  });
  // guard: mass deletion
  if (approvals.includes(id)) return { allowed: departures, refusal: undefined, spent: [id] };
  const names = departures.map(({ tenant, subnets }) =>
    subnets ? `${tenant}: ${subnets.join(", ")}` : tenant,
  );
  return {
    allowed: [],
    spent: [],
    refusal: {
      id,
      object: "fleet",
      message: `files are gone of ${names.join("; ")}: ${tenants} tenants, ${replicas} of ${fleetReplicas} replicas would go`,
    },
  };
}

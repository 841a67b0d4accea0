import type { Subnet } from "../api/kinds.gen.ts";
import { replicaName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import { sees, type Visibility } from "../facts/visibility.ts";
import type { HealingMemory, ReplicaMemory, TenantMemory } from "./memory.ts";

/** Why an unhealthy replica is replaced, for people. */
const UNHEALTHY = "it fails its health check";

/** Before the first replacement, in milliseconds; doubled with each one in a row, up to the limit. */
const WAIT = 10_000;
const WAIT_LIMIT = 300_000;
/** Replacements further apart than this, in milliseconds, are not in a row. */
const IN_A_ROW = 2 * WAIT_LIMIT;

/** What healing depends on besides what is remembered. */
export interface Ward {
  /** Hypervisors that were seen: what stands elsewhere is kept, for nobody knows how it is there. */
  readonly visible: Visibility;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Chooses the next unhealthy replica of a subnet to be replaced: one at a time, ever later when it does not help. One that
 * is well again before that is not replaced.
 */
export function heal(memory: TenantMemory, subnet: Subnet, ward: Ward): TenantMemory {
  const { name } = subnet.metadata;
  const spared = {
    ...memory,
    replicas: memory.replicas.map((one) => (one.subnet === name ? withoutRecovered(one) : one)),
  };
  const next = nextPatient(spared, subnet, ward);
  if (!next || ward.now < next.due) return spared;
  const { incarnation } = next.replica;
  return {
    ...spared,
    replicas: spared.replicas.map((one) =>
      one.incarnation === incarnation ? { ...one, replace: UNHEALTHY } : one,
    ),
    healing: {
      ...memory.healing,
      [name]: { times: inARow(memory.healing?.[name], ward.now) + 1, at: ward.now },
    },
  };
}

/** When the next replica of a subnet is replaced for its health, milliseconds since the epoch. */
export const healsAt = (memory: TenantMemory, subnet: Subnet, ward: Ward): number | undefined =>
  nextPatient(memory, subnet, ward)?.due;

/**
 * The one that has been unhealthy for longest, and when it is due. None without a written check, while the prober is
 * suspected, or while another one's replacement is under way.
 */
function nextPatient(
  { replicas, suspected, healing }: TenantMemory,
  { metadata: { name }, spec }: Subnet,
  { visible, now }: Ward,
): { replica: ReplicaMemory; due: number } | undefined {
  const own = replicas.filter(({ subnet }) => subnet === name);
  // guard: health is no reason to be without service
  const isBusy = own.some(({ replace }) => replace !== undefined);
  if (!spec.healthCheck || suspected?.includes(name) || isBusy) return undefined;
  const before = healing?.[name];
  const wait = Math.min(WAIT * 2 ** inARow(before, now), WAIT_LIMIT);
  const patients = own.flatMap((replica) => {
    const { phase, unhealthySince } = replica;
    // guard: health is no reason to be without service
    const isPatient = phase === "serving" && unhealthySince !== undefined && sees(visible, replica);
    return isPatient ? [{ replica, due: Math.max(unhealthySince, before?.at ?? 0) + wait }] : [];
  });
  const since = ({ replica }: { replica: ReplicaMemory }): number => replica.unhealthySince ?? now;
  return patients.toSorted((a, b) => since(a) - since(b))[0];
}

const inARow = (healing: HealingMemory | undefined, now: number): number =>
  healing && now - healing.at < IN_A_ROW ? healing.times : 0;

function withoutRecovered(replica: ReplicaMemory): ReplicaMemory {
  const { replace, ...rest } = replica;
  return replace === UNHEALTHY && replica.unhealthySince === undefined ? rest : replica;
}

/** Replicas that fail their check, and subnets of which it is not believed. */
export function healthNotes(
  { replicas, suspected }: TenantMemory,
  subnet: Subnet,
  { visible }: Ward,
): Note[] {
  const { name, namespace } = subnet.metadata;
  const own = replicas.filter((one) => one.subnet === name && one.phase === "serving");
  const object = `subnet/${namespace}/${name}`;
  const message =
    "most of its replicas fail their health check at once although they run and are linked; the balancer keeps them," +
    " and none is replaced";
  const doubts: Note[] =
    subnet.spec.healthCheck && suspected?.includes(name)
      ? [{ reason: "ProberSuspected", object, message, severity: "stuck" }]
      : [];
  const sick = own.filter(({ unhealthySince }) => unhealthySince !== undefined);
  return [
    ...doubts,
    ...sick.map((replica): Note => {
      const { ordinal, hypervisor } = replica;
      const isHealed = subnet.spec.healthCheck !== undefined && sees(visible, replica);
      const outlook = isHealed ? "it is replaced if that goes on" : "it is kept, and not replaced";
      return {
        reason: "ReplicaUnhealthy",
        object: `replica/${namespace}/${replicaName(name, ordinal)}`,
        message: `on ${hypervisor} it fails its health check; ${outlook}`,
        severity: isHealed ? "waiting" : "info",
      };
    }),
  ];
}

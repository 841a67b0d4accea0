import type { Subnet } from "../api/kinds.gen.ts";
import { type HypervisorName, type Incarnation, replicaName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import type { Need, Placement } from "../autoscale/place.ts";
import type { ReplicaMemory, ReplicaPhase } from "./memory.ts";
import type { AddressPair } from "./allocate.ts";
import { isActive, isStalled } from "./phase.ts";
import { needOf, specHashOf } from "./spec.ts";

/** What fitting a subnet's replicas needs of the world around them. */
export interface Surroundings {
  /** How many there shall be. */
  readonly count: number;
  /** Why those that are too many go. */
  readonly surplus: string;
  readonly now: number;
  /** Why no replica of the tenant is to stand on a hypervisor; undefined where it may. */
  unwelcome(hypervisor: HypervisorName): string | undefined;
  /** @param same where the incarnation of that ordinal stands that is to be replaced */
  place(
    need: Need,
    standing: readonly ReplicaMemory[],
    seat: { readonly ordinal: number; readonly same: HypervisorName | undefined },
  ): Placement;
  addresses(standing: readonly ReplicaMemory[]): AddressPair | undefined;
  fresh(): Incarnation;
}

/**
 * Brings one subnet's replicas to their number and to their current specification. `standing` are all of the tenant's;
 * they come back with this subnet's changed.
 *
 * Scale-in takes the highest ordinal. A roll makes the new incarnation of an ordinal first where `maxSurge` allows it, and
 * drains an old one only while enough others serve (`maxUnavailable`); a new one that keeps failing stops it.
 */
export function fit(
  subnet: Subnet,
  standing: readonly ReplicaMemory[],
  around: Surroundings,
): { replicas: readonly ReplicaMemory[]; notes: readonly Note[] } {
  const { name, namespace } = subnet.metadata;
  const { update } = subnet.spec;
  const hash = specHashOf(subnet.spec);
  const notes: Note[] = [];
  let replicas = [...standing];
  const active = (): ReplicaMemory[] =>
    replicas.filter((replica) => replica.subnet === name && isActive(replica));
  const serving = (): number => active().filter(({ phase }) => phase === "serving").length;
  const leavesBecause = (replica: ReplicaMemory): string | undefined =>
    replica.specHash === hash
      ? (around.unwelcome(replica.hypervisor) ?? replica.replace)
      : "its specification changed";
  const isCurrent = (replica: ReplicaMemory): boolean => leavesBecause(replica) === undefined;
  const drain = (replica: ReplicaMemory, because: string): void => {
    // guard: drain before remove
    const phase: ReplicaPhase = "draining";
    replicas = replicas.map((one) =>
      one.incarnation === replica.incarnation ? { ...one, phase, since: around.now, because } : one,
    );
  };
  /** How often in a row the incarnations of an ordinal did not come up: what takes their place begins with that. */
  const failuresBefore = (ordinal: number): number =>
    Math.max(
      0,
      ...replicas.flatMap((one) =>
        one.subnet === name && one.ordinal === ordinal && one.phase === "leaving" && one.specHash === hash
          ? [one.failures]
          : [],
      ),
    );
  /** One more incarnation of an ordinal; false when there is nowhere to put it. */
  const add = (ordinal: number, same: HypervisorName | undefined): boolean => {
    const object = `replica/${namespace}/${replicaName(name, ordinal)}`;
    const need = needOf(subnet.spec);
    const { hypervisor, reasons } = around.place(need, replicas, { ordinal, same });
    if (hypervisor === undefined) {
      notes.push({ reason: "NowhereToPlace", object, severity: "stuck", message: reasons.join("; ") });
      return false;
    }
    const pair = around.addresses(replicas);
    if (!pair) {
      const message =
        "the subnet or the management network has no free address; some may be resting for 3 minutes";
      notes.push({ reason: "AddressesExhausted", object, severity: "waiting", message });
      return false;
    }
    replicas.push({
      tenant: namespace,
      subnet: name,
      ordinal,
      // guard: fresh identity
      incarnation: around.fresh(),
      ...pair,
      specHash: hash,
      ...(subnet.spec.workload.runtime === "libvirt" && { runtime: "libvirt" as const }),
      hypervisor,
      phase: "starting",
      since: around.now,
      seen: false,
      failures: failuresBefore(ordinal),
      ...need,
    });
    return true;
  };

  for (const replica of active().toSorted((a, b) => b.ordinal - a.ordinal))
    if (replica.ordinal > around.count) drain(replica, around.surplus);

  /** Whether one more may stand: those that still drain count, so that a roll never takes more room than it says. */
  const surge = (): boolean => {
    const here = replicas.filter((replica) => replica.subnet === name && replica.phase !== "leaving");
    return here.filter(({ ordinal }) => ordinal <= around.count).length < around.count + update.maxSurge;
  };
  const isEnding = (ordinal: number): boolean =>
    replicas.some(
      (replica) => replica.subnet === name && replica.ordinal === ordinal && replica.phase !== "leaving",
    );

  // Two of one ordinal, both current: a roll that was taken back, or two controllers that did not know of each other. Neither
  // current: the specification changed again, and what came of the change before only takes the seat of what is wanted now.
  for (const replica of active()) {
    const all = active().filter((other) => other.ordinal === replica.ordinal);
    const current = all.filter(isCurrent);
    const twins = current.length > 0 ? current : all;
    if (!twins.includes(replica)) continue;
    const [best] = twins.toSorted(
      (a, b) =>
        Number(b.phase === "serving") - Number(a.phase === "serving") ||
        (a.incarnation < b.incarnation ? -1 : 1),
    );
    if (best && best.incarnation !== replica.incarnation) drain(replica, "one too many of its ordinal");
  }

  for (let ordinal = 1; ordinal <= around.count; ordinal++) {
    if (active().some((replica) => replica.ordinal === ordinal)) continue;
    if (isEnding(ordinal) && !surge()) continue;
    if (!add(ordinal, undefined)) break;
  }

  for (const replica of active().toSorted((a, b) => a.ordinal - b.ordinal)) {
    const because = leavesBecause(replica);
    if (because === undefined) continue;
    const twin = active().find((other) => other.ordinal === replica.ordinal && isCurrent(other));
    // guard: health is no reason to be without service
    const spare = replica.phase === "starting" || serving() > around.count - update.maxUnavailable;
    const home = around.unwelcome(replica.hypervisor) === undefined ? replica.hypervisor : undefined;
    if (twin) {
      if (spare && (twin.phase === "serving" || update.maxSurge === 0)) drain(replica, because);
    } else if (active().some((other) => isCurrent(other) && isStalled(other))) break;
    else if (surge() && add(replica.ordinal, home)) continue;
    // One that does not serve holds a seat, and is of no use any more.
    else if (replica.phase === "starting" || (spare && update.maxUnavailable > 0)) drain(replica, because);
  }
  return { replicas, notes };
}

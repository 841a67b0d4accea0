import { recovered } from "./health.ts";
import type { DrainReason, ReplicaMemory, ReplicaPhase } from "./memory.ts";

/** What is known of one replica now. */
export interface Evidence {
  /** Whether its hypervisor was seen, and its runtime answered: without that nothing is concluded from not seeing it. */
  readonly visible: boolean;
  readonly workload: "running" | "paused" | "ended" | "absent";
  /** Both its ports stand. */
  readonly linked: boolean;
  /** Whether it answered its probe; undefined when it was not asked. */
  readonly answers: boolean | undefined;
  /** Whether the balancer points at it; undefined when the gateway was not seen. */
  readonly balanced: boolean | undefined;
  /** Live connections to it, counted in the gateway; undefined when nobody counted. */
  readonly connections: number | undefined;
  /** Of these, those that neither side has begun to close. */
  readonly unclosed: number | undefined;
  /** Live connections in its own socket table, whichever way they came; undefined when it was not read. */
  readonly sockets: number | undefined;
}

/** How long the phases may take, in milliseconds. */
export interface Grace {
  /** From a start until the first answer. */
  readonly start: number;
  readonly drain: number;
  readonly stop: number;
}

/** A replica that ended by itself this often while starting is not started again before {@link retryAt}. */
const FAILURES_UNTIL_STALLED = 3;

const enter = (replica: ReplicaMemory, phase: ReplicaPhase, now: number): ReplicaMemory => ({
  ...replica,
  phase,
  since: now,
});

/**
 * One replica's next phase. Undefined means that it is gone and may be forgotten. Pure: the same evidence at the same time
 * always leads to the same phase, so a controller that died in between goes on where it was.
 */
export function advance(
  replica: ReplicaMemory,
  evidence: Evidence,
  grace: Grace,
  now: number,
): ReplicaMemory | undefined {
  // guard: unknown is not absent
  if (!evidence.visible) return replica;
  const { workload } = evidence;
  const hasEnded = workload === "ended" || workload === "absent";
  const known = workload !== "absent" && !replica.seen ? { ...replica, seen: true } : replica;
  switch (known.phase) {
    case "starting":
      // Somebody removed it: what comes in its place gets a fresh identity.
      // guard: fresh identity
      if (workload === "absent" && known.seen)
        return { ...enter(known, "leaving", now), because: "it was removed by hand" };
      if (workload === "ended") return failed(known, now);
      if (isOverdue(known, evidence, grace, now))
        return {
          ...enter(known, "leaving", now),
          failures: known.failures + 1,
          because: `it did not answer within ${grace.start / 1000} s of its start`,
        };
      return workload === "running" &&
        evidence.linked &&
        // guard: balancer only on the living
        (evidence.answers === true || isFound(replica, evidence))
        ? { ...enter(known, "serving", now), startedAt: undefined, failures: 0 }
        : known;
    case "serving":
      if (workload === "absent")
        return { ...enter(known, "leaving", now), because: "it was removed by hand" };
      // guard: balancer only on the living
      return workload === "running" && evidence.linked ? known : enter(recovered(known), "starting", now);
    case "draining": {
      if (hasEnded) return enter(drained(known, evidence, "ended by itself"), "leaving", now);
      // The balancer has to let go of it first, and be seen to; only then does its time run.
      // guard: drain before remove
      if (evidence.balanced !== false || evidence.connections === undefined) return known;
      // guard: drain before remove
      const { drainsFrom = now } = known;
      // guard: drain before remove
      const isEmpty = evidence.connections === 0 && evidence.sockets === 0;
      if (isEmpty) return enter(drained(known, evidence, "empty"), "stopping", now);
      // guard: drain before remove
      const isOver = now - drainsFrom >= grace.drain;
      return isOver
        ? enter(drained(known, evidence, "deadline"), "stopping", now)
        : { ...drained(known, evidence), drainsFrom };
    }
    case "stopping": {
      const counted = known.drain ? drained(known, evidence) : known;
      // guard: drain before remove
      return hasEnded || now - (known.toldAt ?? now) >= grace.stop ? enter(counted, "leaving", now) : counted;
    }
    case "leaving":
      // guard: look before destroying
      return workload === "absent" && !evidence.linked ? undefined : known;
  }
}

/** Whether it runs and is linked, was asked now, and has had its time: that it was not asked says nothing. */
const isOverdue = (
  replica: ReplicaMemory,
  { workload, linked, answers }: Evidence,
  { start }: Grace,
  now: number,
): boolean => workload === "running" && linked && answers === false && now >= beganAt(replica) + start;

/** From when a starting replica has its time: its image may have been long on its way before. */
export const beganAt = ({ startedAt, since }: ReplicaMemory): number => startedAt ?? since;

/** One that another controller has brought to its service meanwhile: to ask it first would take it out again. */
const isFound = ({ seen }: ReplicaMemory, { balanced }: Evidence): boolean => !seen && balanced === true;

/** With what was counted of its connections. Of a workload that has ended, those are open still that it did not close. */
function drained(replica: ReplicaMemory, evidence: Evidence, reason?: DrainReason): ReplicaMemory {
  const { began, seen, ...before } = replica.drain ?? { began: replica.since, seen: 0, open: 0 };
  const { workload, connections, unclosed, sockets } = evidence;
  const isAlive = workload === "running" || workload === "paused";
  const open =
    connections === undefined
      ? before.open
      : isAlive
        ? Math.max(connections, sockets ?? 0)
        : (unclosed ?? connections);
  const drain = { ...before, began, seen: Math.max(seen, open), open };
  return { ...replica, drain: reason === undefined ? drain : { ...drain, reason } };
}

function failed(replica: ReplicaMemory, now: number): ReplicaMemory {
  // Once for each time: until it is told to start again there is nothing new in its not running.
  if (replica.startedAt === undefined) return replica;
  return { ...replica, startedAt: undefined, failures: replica.failures + 1, since: now };
}

/** When a replica that ended by itself may be started again: at once twice, then after 10 s, 20 s, 40 s … 5 minutes. */
export function retryAt({ failures, since }: ReplicaMemory): number {
  const beyond = failures - FAILURES_UNTIL_STALLED;
  return beyond < 0 ? since : since + Math.min(10_000 * 2 ** beyond, 300_000);
}

/** Whether it keeps ending by itself, so that waiting for it makes no sense. */
export const isStalled = (replica: ReplicaMemory): boolean =>
  replica.phase === "starting" && replica.failures >= FAILURES_UNTIL_STALLED;

/** Whether the balancer may ever point at it again, so that it counts towards the subnet's replicas. */
export const isActive = ({ phase }: ReplicaMemory): boolean => phase === "starting" || phase === "serving";

import type { Incarnation } from "../api/names.ts";
import type { ProbeTarget } from "../hosts/probe.ts";
import type { ReplicaMemory, TenantMemory } from "../replicas/memory.ts";
import { evidenceOn } from "../replicas/evidence.ts";
import { checkOf } from "../replicas/spec.ts";
import { namespaceOf } from "../resources/marks.ts";
import type { Pass } from "./controller.ts";
import type { Sight } from "./sight.ts";

/**
 * Asks, from the gateway, those replicas that have come so far that they might answer. A dry pass takes it that they do.
 */
export async function ask(
  sight: Sight,
  memory: TenantMemory,
  pass: Pass,
): Promise<ReadonlyMap<Incarnation, boolean>> {
  const targets = memory.replicas.flatMap((replica) => targetOf(replica, sight));
  const { primary } = memory;
  if (targets.length === 0 || !primary) return sight.answers;
  if (pass.dryRun) return new Map(targets.map(({ id }) => [id, true]));
  if (!sight.seen.has(primary)) return sight.answers;
  const answers = await pass.trips.probe(primary, targets);
  return new Map([...sight.answers, ...answers]);
}

function targetOf(replica: ReplicaMemory, sight: Sight): ProbeTarget[] {
  const document = sight.wanted?.subnets.get(replica.subnet);
  const check = document && checkOf(document);
  const { visible, workload, linked } = evidenceOn(replica, sight, { silent: false, home: undefined });
  const mightAnswer = replica.phase === "starting" && visible && workload === "running" && linked;
  if (!mightAnswer || check === undefined || sight.answers.has(replica.incarnation)) return [];
  const namespace = namespaceOf(sight.fleet, replica.tenant);
  return [{ id: replica.incarnation, namespace, address: replica.address, check }];
}

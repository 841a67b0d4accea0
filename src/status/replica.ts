import type { Condition } from "../api/kinds.gen.ts";
import { type FleetName, replicaName } from "../api/names.ts";
import type { Reason } from "../api/reasons.ts";
import { evidenceOn, type Sighting } from "../replicas/evidence.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";
import { containerName } from "../resources/marks.ts";
import { type ReplicaObject, timestamp } from "./objects.ts";

/** Whether a replica serves, by what was seen of it now and not by what was decided once. */
export interface Readiness {
  readonly status: Condition["status"];
  readonly reason: Reason;
  readonly message: string;
}

export function readinessOf(replica: ReplicaMemory, sighting: Sighting): Readiness {
  const { visible, workload, linked } = evidenceOn(replica, sighting, { silent: true, home: undefined });
  const { hypervisor, phase, because } = replica;
  const no = (reason: Reason, message: string): Readiness => ({
    status: "False",
    reason,
    message: `on ${hypervisor} ${message}`,
  });
  if (!visible)
    return {
      status: "Unknown",
      reason: "HypervisorUnreachable",
      message: `${hypervisor} was not seen; it is kept, and not replaced`,
    };
  if (phase === "starting") return no("ReplicaNotReady", "it does not answer yet");
  if (phase !== "serving") return no("Draining", `it goes${because === undefined ? "" : `: ${because}`}`);
  if (workload !== "running")
    return no("Progressing", `its ${replica.runtime ? "virtual machine" : "container"} is ${workload}`);
  if (!linked) return no("Progressing", "a link of it is missing");
  if (replica.unhealthySince !== undefined) return no("ReplicaUnhealthy", "it fails its health check");
  return { status: "True", reason: "AsDesired", message: `on ${hypervisor} it serves` };
}

export function viewReplica(
  replica: ReplicaMemory,
  { status, reason, message }: Readiness,
  fleet: FleetName,
): ReplicaObject {
  const { tenant, subnet, ordinal, incarnation, hypervisor, phase, since, address, managementAddress } =
    replica;
  const time = timestamp(since);
  return {
    apiVersion: "evenkeel.dev/v1alpha1",
    kind: "Replica",
    metadata: { name: replicaName(subnet, ordinal), namespace: tenant, creationTimestamp: time },
    spec: { subnet, hypervisor },
    status: {
      phase,
      address,
      managementAddress,
      incarnation,
      container: containerName(fleet, replica),
      conditions: [{ type: "Ready", status, reason, message, lastTransitionTime: time }],
    },
  };
}

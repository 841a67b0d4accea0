import { EvenkeelError } from "../api/errors.ts";
import { replicaName, type TenantName } from "../api/names.ts";
import { approvalOf, type Note, type Refusal } from "../api/reasons.ts";
import { SILENCE, silentRuntime } from "../facts/visibility.ts";
import type { Waiting } from "../hosts/execute.ts";
import type { Failure } from "../hosts/failure.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { TenantMemory } from "../replicas/memory.ts";
import { isCollector } from "../resources/collector.ts";
import { isResolver } from "../resources/resolver.ts";
import type { Resource } from "../resources/resource.ts";
import type { Sight } from "./sight.ts";

/** What a change did not do although nothing said that it failed. */
export const leftNotes = (tenant: TenantName, left: readonly PlanEntry[]): Note[] =>
  left.map(({ kind, name, hypervisor, reason }) => ({
    reason: "ChangeFailed",
    object: `tenant/${tenant}`,
    message: `${kind} ${name}@${hypervisor} is still not as it should be: ${reason}`,
    severity: "waiting",
  }));

/** Resolvers and collectors that could not be started: somebody has to see to it, and nothing else waits for that. */
export const gatewayNotes = (tenant: TenantName, observed: readonly Resource[]): Note[] => {
  const object = `tenant/${tenant}`;
  return observed.flatMap((resource): Note[] => {
    const failure = startFailure(resource);
    if (failure === undefined) return [];
    const where = `on ${resource.hypervisor} ${failure}`;
    return isResolver(resource)
      ? [
          {
            reason: "ResolverFailing",
            object,
            message: `DHCP and DNS are not answered: ${where}`,
            severity: "stuck",
          },
        ]
      : [
          {
            reason: "CollectorFailing",
            object,
            message: `collectd is not heard: ${where}`,
            severity: "stuck",
          },
        ];
  });
};

/** Why a process of the gateway could not be started; undefined where it could, and of everything else. */
export const startFailure = (resource: Resource): string | undefined =>
  isResolver(resource) || isCollector(resource) ? resource.state.failure : undefined;

/** What waits for an operator. */
export const refusalNote = (refusal: Refusal): Note => ({
  reason: "NeedsApproval",
  object: refusal.object,
  message: `${refusal.message}: ${approvalOf(refusal)}`,
  severity: "stuck",
});

/** Changes that a hypervisor refused. */
export const failureNote = (tenant: TenantName, { hypervisor, reason, name, message }: Failure): Note => ({
  reason,
  object: `tenant/${tenant}`,
  message: `${name === undefined ? "" : `${name} `}on ${hypervisor}: ${message}`,
  severity: "waiting",
});

/** Workloads whose image is on its way, or that wait until others have been started. */
export const comingNotes = ({ entry, why }: Waiting): Note[] =>
  entry.operations.flatMap((operation): Note[] => {
    if (operation.tool !== "engine" && operation.tool !== "domain-start") return [];
    const object = `replica/${entry.tenant}/${operation.request.hostname}`;
    const message = `on ${entry.hypervisor} waits for ${why ?? "others to be started"}`;
    return [{ reason: why ? "ImagePulling" : "Progressing", object, message, severity: "waiting" }];
  });

/** What an operator took down, so that nobody wonders why it does not stand. */
export function heldNotes(tenant: TenantName, memory: TenantMemory | undefined): Note[] {
  const held = [
    ...(memory?.down ? [{ object: `tenant/${tenant}`, up: `tenant/${tenant}` }] : []),
    ...(memory?.downSubnets ?? []).map((name) => ({
      object: `subnet/${tenant}/${name}`,
      up: `subnet/${name} -n ${tenant}`,
    })),
  ];
  return held.map(({ object, up }) => ({
    reason: "HeldDown",
    object,
    message: `held down until its files are gone, or: reconcile up ${up}`,
    severity: "info",
  }));
}

/** Hypervisors of the tenant of which nothing, or not all, is known. */
export function unseenNotes({ facts, unseen, wanted }: Sight, memory: TenantMemory | undefined): Note[] {
  const spec = wanted?.tenant?.spec;
  const concerned = new Set([
    ...(memory?.hypervisors ?? []),
    ...(spec ? [spec.primary, ...spec.standby.map(({ name }) => name)] : []),
  ]);
  return [...concerned].flatMap((name): Note[] => {
    const object = `hypervisor/${name}`;
    const error = unseen.get(name)?.error;
    if (error) return [{ reason: reasonOf(error), object, message: error.message, severity: "stuck" }];
    const seen = facts.get(name);
    const silent = seen && silentRuntime(seen);
    if (silent === undefined) return [];
    const reason = silent === "docker" ? "DockerUnreachable" : "LibvirtUnreachable";
    return [{ reason, object, message: SILENCE[silent].message, severity: "stuck" }];
  });
}

function reasonOf(error: Error): Note["reason"] {
  if (!(error instanceof EvenkeelError)) return "HypervisorUnreachable";
  if (error.code === "EK-LOOK-INCOMPLETE") return "LookIncomplete";
  return error.code === "EK-HOST-UNFIT" ? "HypervisorUnfit" : "HypervisorUnreachable";
}

const WAITING = {
  starting: ["ReplicaNotReady", "does not answer yet"],
  serving: undefined,
  draining: ["Draining", "waits for its last connections"],
  stopping: ["Draining", "was told to end"],
  leaving: ["Progressing", "is being removed"],
} as const;

/** Replicas that are on their way. */
export const waitingNotes = (memory: TenantMemory | undefined): Note[] =>
  (memory?.replicas ?? []).flatMap(({ tenant, subnet, ordinal, phase, hypervisor, because }): Note[] => {
    const [reason, message] = WAITING[phase] ?? [];
    if (!reason) return [];
    const object = `replica/${tenant}/${replicaName(subnet, ordinal)}`;
    return [
      {
        reason,
        object,
        message: `on ${hypervisor} ${message}${because ? ` (${because})` : ""}`,
        severity: "waiting",
      },
    ];
  });

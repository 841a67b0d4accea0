import type { HypervisorName, Incarnation, SubnetName, TenantName } from "../api/names.ts";
import { entriesOf } from "../api/records.ts";
import { EMPTY_TENANT, type FleetMemory } from "./memory.ts";

/** A tenant, or one of its subnets. */
export interface Held {
  readonly tenant: TenantName;
  readonly subnet: SubnetName | undefined;
}

/**
 * What an operator tells the controller, beside what the manifests say. It is carried out by being remembered: whoever
 * holds the ledger does so, a daemon for those who ask it, or the command itself.
 */
export type Instruction =
  /** Lets exactly one refused plan through. */
  | { readonly say: "approve"; readonly id: string }
  /** Takes something off the hypervisors until its files go, or lets it come back. */
  | { readonly say: "down" | "up"; readonly target: Held }
  /** Keeps a hypervisor empty, or lets it be used again. */
  | { readonly say: "drain" | "fill"; readonly hypervisor: HypervisorName }
  /** Puts another incarnation in a replica's place. */
  | { readonly say: "replace"; readonly incarnation: Incarnation };

/** The fleet's memory with an instruction in it; the same again when it is there already. */
export function withInstruction(memory: FleetMemory, instruction: Instruction): FleetMemory {
  switch (instruction.say) {
    case "approve": {
      const { id } = instruction;
      return memory.approvals.includes(id) ? memory : { ...memory, approvals: [...memory.approvals, id] };
    }
    case "down":
    case "up":
      return withHold(memory, instruction.target, instruction.say === "down");
    case "drain":
    case "fill": {
      const others = (memory.drained ?? []).filter((name) => name !== instruction.hypervisor);
      return {
        ...memory,
        drained: instruction.say === "drain" ? [...others, instruction.hypervisor] : others,
      };
    }
    case "replace":
      return withReplacement(memory, instruction.incarnation);
  }
}

function withReplacement(memory: FleetMemory, incarnation: Incarnation): FleetMemory {
  const marked = entriesOf(memory.tenants).map(([name, tenant]) => {
    const replicas = tenant.replicas.map((one) =>
      one.incarnation === incarnation ? { ...one, replace: "an operator asked for it" } : one,
    );
    return [name, { ...tenant, replicas }] as const;
  });
  return { ...memory, tenants: Object.fromEntries(marked) };
}

function withHold(memory: FleetMemory, { tenant, subnet }: Held, isDown: boolean): FleetMemory {
  const before = memory.tenants[tenant] ?? EMPTY_TENANT;
  const others = (before.downSubnets ?? []).filter((name) => name !== subnet);
  const after =
    subnet === undefined
      ? { ...before, down: isDown }
      : { ...before, downSubnets: isDown ? [...others, subnet] : others };
  return { ...memory, tenants: { ...memory.tenants, [tenant]: after } };
}

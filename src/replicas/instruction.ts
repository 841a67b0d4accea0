import type { SubnetName, TenantName } from "../api/names.ts";
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
  | { readonly say: "down" | "up"; readonly target: Held };

/** The fleet's memory with an instruction in it; the same again when it is there already. */
export function withInstruction(memory: FleetMemory, instruction: Instruction): FleetMemory {
  if (instruction.say !== "approve") return withHold(memory, instruction.target, instruction.say === "down");
  const { id } = instruction;
  return memory.approvals.includes(id) ? memory : { ...memory, approvals: [...memory.approvals, id] };
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

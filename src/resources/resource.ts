import type { FleetName, HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { HostFacts } from "../facts/facts.ts";
import type { Operation } from "./operation.ts";

/** Where and whose a resource is; together with kind and name it is what makes two of them the same one. */
export interface Place {
  readonly hypervisor: HypervisorName;
  readonly tenant: TenantName;
  /** The subnet it belongs to; none for what serves the whole tenant. */
  readonly subnet?: SubnetName;
}

/** What stands, or should stand, on a hypervisor. `state` is plain data that its kind compares. */
export interface Resource<State = unknown> extends Place {
  readonly kind: string;
  readonly name: string;
  readonly state: State;
}

/** `bridge/hv1/t2/web`: equal keys are the same resource. */
export type ResourceKey = string;

export const keyOf = (resource: Pick<Resource, "kind" | "hypervisor" | "tenant" | "name">): ResourceKey =>
  `${resource.kind}/${resource.hypervisor}/${resource.tenant}/${resource.name}`;

/** `+` add, `~` change in place, `±` replace, `-` remove. */
export type Verb = "add" | "change" | "replace" | "remove";

/** What a change does to the workload: nothing, a drain, a restart, or its replacement. */
export type Disruption = "none" | "drain" | "restart" | "recreate";

/** How to get from the observed state of one resource to the desired one, and why. */
export interface Change {
  readonly verb: Verb;
  readonly reason: string;
  readonly disruption: Disruption;
  readonly operations: readonly Operation[];
  /** Kinds of which the one with the same name is lost on the way, although the look shows it; it has to be made again. */
  readonly loses?: readonly string[];
}

/** What a kind is told besides the two states. */
export interface ChangeContext<State> {
  readonly place: Place;
  readonly name: string;
  readonly desired: State | undefined;
  readonly observed: State | undefined;
  readonly fleet: FleetName;
}

/**
 * One kind of resource. Adding one: a file that exports it, a line in `index.ts`, a line in `desired/`.
 */
export interface Kind<State> {
  readonly name: string;
  /** What it is called in a plan, where the name of the kind is not what people say. */
  readonly title?: string;
  /** Reads every resource of this kind that carries the fleet's mark. */
  observe(facts: HostFacts, fleet: FleetName): Iterable<Resource<State>>;
  /** The operations from `observed` to `desired`; undefined means equal. */
  change(context: ChangeContext<State>): Change | undefined;
}

/** Lets the registry hold kinds of different states: a kind is only ever given states that it made itself. */
export const kind = <State>(definition: Kind<State>): Kind<unknown> => definition;

import { isDeepStrictEqual } from "node:util";
import type { FleetName } from "../api/names.ts";
import type { TenantMemory } from "../replicas/memory.ts";
import { isActive } from "../replicas/phase.ts";
import { containerName } from "../resources/marks.ts";
import { isNat } from "../resources/nat.ts";
import { isPort } from "../resources/port.ts";
import { isResolver, withoutNames } from "../resources/resolver.ts";
import type { Resource } from "../resources/resource.ts";
import { isWorkload } from "../resources/workload.ts";
import { bastion } from "./bastion.ts";
import { collector } from "./collector.ts";
import { gateway } from "./gateway.ts";
import { type CompileInput, scope, type TimelessInput, withoutTime } from "./input.ts";
import { resolver } from "./resolver.ts";
import { ending, gone, portRules, replica } from "./replica.ts";
import { segment } from "./segment.ts";
import { balancer, withoutReplicas } from "./service.ts";

/** What followed last from a memory, and from what else. */
const compiled = new WeakMap<TenantMemory, { input: TimelessInput; resources: readonly Resource[] }>();

/**
 * Everything that one tenant should have, on all its hypervisors: documents and memory in, resources out. Pure.
 *
 * Documents and memory never change, but are replaced, so that the daemon's passes ask the same again until something
 * happens: they are given the same value. Parts of the input that are the same object cost the comparison nothing.
 */
export function compile(asked: CompileInput): readonly Resource[] {
  const input = withoutTime(asked);
  const last = compiled.get(input.memory);
  if (last && isDeepStrictEqual(last.input, input)) return last.resources;
  const resources = compileAnew(input);
  compiled.set(input.memory, { input, resources });
  return resources;
}

function compileAnew(input: TimelessInput): Resource[] {
  const whole = scope(input);
  return [
    ...whole.parts.flatMap((part) => [
      ...gateway(whole, part),
      ...whole.segments.flatMap((of) => segment(whole, part, of)),
      portRules(whole, part),
      ...resolver(whole, part),
      ...collector(whole, part),
      ...bastion(whole, part),
    ]),
    ...whole.standing.flatMap((of) => replica(whole, of)),
    ...input.memory.replicas.filter(({ phase }) => phase === "leaving").map((of) => gone(whole, of)),
    ...balancer(whole),
  ];
}

/**
 * What stands, but for replicas on their way out: for a tenant that no document describes any more, so that nothing is
 * known of it but its marks.
 */
export function asItStands(
  observed: readonly Resource[],
  memory: TenantMemory,
  fleet: FleetName,
): Resource[] {
  const leaving = new Map(memory.replicas.map((of) => [containerName(fleet, of), of]));
  const unbalanced = memory.replicas.filter((of) => !isActive(of)).map(({ address }) => address);
  return observed.flatMap((resource): Resource[] => {
    if (isNat(resource)) return [{ ...resource, state: withoutReplicas(resource.state, unbalanced) }];
    if (isResolver(resource)) return [{ ...resource, state: withoutNames(resource.state, unbalanced) }];
    const of = leaving.get(isPort(resource) ? resource.state.workload : resource.name);
    if (of?.phase === "leaving") return [];
    if (!isWorkload(resource) || of?.phase !== "stopping") return [resource];
    return [{ ...resource, state: ending(resource.state, of, "SIGTERM") }];
  });
}

import type { Resource } from "../resources/resource.ts";
import { gateway } from "./gateway.ts";
import { type CompileInput, scope } from "./input.ts";
import { portRules, replica } from "./replica.ts";
import { segment } from "./segment.ts";
import { balancer } from "./service.ts";

/** Everything that one tenant should have, on all its hypervisors: documents and memory in, resources out. Pure. */
export function compile(input: CompileInput): Resource[] {
  const whole = scope(input);
  return [
    ...whole.parts.flatMap((part) => [
      ...gateway(whole, part),
      ...whole.segments.flatMap((of) => segment(whole, part, of)),
      portRules(whole, part),
    ]),
    ...whole.standing.flatMap((of) => replica(whole, of)),
    ...balancer(whole),
  ];
}

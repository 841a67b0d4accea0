import fc from "fast-check";
import type { ScriptOperation } from "../../src/resources/operation.ts";
import type { Replicas } from "../unit/stories.ts";

/** Something that befalls a container, by its number, or one of the operations for its ports. */
export type Act =
  | { readonly kind: "start" | "pause" | "unpause" | "signal" | "remove"; readonly of: number }
  | { readonly kind: "operation"; readonly operation: ScriptOperation };

/** The life of two containers, of which about a third happens otherwise. Shrinks to fewer acts. */
export function lives({ requests, ports }: Replicas): fc.Arbitrary<readonly Act[]> {
  const operations = (of: number): Act[] =>
    (ports.get(requests[of]?.name ?? "") ?? []).map((operation) => ({ kind: "operation", operation }));
  const planned: Act[] = [
    { kind: "start", of: 0 },
    ...operations(0),
    { kind: "start", of: 1 },
    ...operations(1),
    { kind: "pause", of: 0 },
    { kind: "unpause", of: 0 },
    { kind: "signal", of: 0 },
    { kind: "pause", of: 1 },
    { kind: "remove", of: 1 },
    { kind: "remove", of: 0 },
  ];
  const rare = planned.filter(({ kind }) => kind !== "operation");
  const fate = fc.oneof(
    { arbitrary: fc.constant("as planned" as const), weight: 3 },
    { arbitrary: fc.constantFrom(...planned), weight: 1 },
    { arbitrary: fc.constantFrom(...rare), weight: 1 },
  );
  const { length } = planned;
  return fc
    .array(fc.option(fate, { nil: undefined, freq: 10 }), { minLength: length, maxLength: length })
    .map((fates) =>
      fates.flatMap((one, at) => (one === "as planned" ? planned.slice(at, at + 1) : one ? [one] : [])),
    );
}

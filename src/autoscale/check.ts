import type { Band } from "./policy.ts";

/** How a pair of thresholds would scale out and in by turns, at a load that does not change. */
export interface Flapping {
  /** Replicas before the scale-out, and after it. */
  readonly few: number;
  readonly many: number;
  /** The load per replica with `many`, when with `few` it has just passed the maximum: it is below the minimum. */
  readonly left: number;
}

/**
 * Whether a pair of thresholds flaps; undefined when it does not. With evenly divided load that is so exactly when
 * min ÷ max > m ÷ (m + step), m being the fewest replicas, and m + step are allowed: with more replicas one step
 * takes less of the load off each.
 * @param count replicas at least and at most
 */
export function flapping({ min, max }: Band, step: number, count: Band): Flapping | undefined {
  const few = Math.max(count.min, 1);
  const many = few + step;
  const left = (max * few) / many;
  return many <= count.max && left < min ? { few, many, left } : undefined;
}

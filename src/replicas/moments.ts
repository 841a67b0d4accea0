import type { ReplicaMemory, TenantMemory } from "./memory.ts";

/**
 * A tenant's memory without moments that are yet to come. They were written before the machine's clock was set back: what
 * waits for so many seconds from such a moment on would wait for hours. They count as now.
 *
 * @param now milliseconds since the epoch
 */
export function withoutFuture(memory: TenantMemory, now: number): TenantMemory {
  if (latest(memory) <= now) return memory;
  const past = (moment: number): number => Math.min(moment, now);
  const all = <One extends { readonly at: number }>(byName: Readonly<Record<string, One>>) =>
    Object.fromEntries(Object.entries(byName).map(([name, one]) => [name, { ...one, at: past(one.at) }]));
  return {
    ...memory,
    replicas: memory.replicas.map((replica) => earlier(replica, past)),
    released: memory.released.map((one) => ({ ...one, at: past(one.at) })),
    ...(memory.scaling && { scaling: all(memory.scaling) }),
    ...(memory.healing && { healing: all(memory.healing) }),
  };
}

/** Every moment of a replica by its name. */
const MOMENTS = ["since", "drainsFrom", "toldAt", "startedAt", "unhealthySince"] as const;

const latest = ({ replicas, released, scaling = {}, healing = {} }: TenantMemory): number =>
  Math.max(
    ...replicas.flatMap((one) => [...MOMENTS.map((name) => one[name] ?? 0), one.drain?.began ?? 0]),
    ...[...released, ...Object.values(scaling), ...Object.values(healing)].map(({ at }) => at),
  );

function earlier(replica: ReplicaMemory, past: (moment: number) => number): ReplicaMemory {
  const { drain } = replica;
  const moments = MOMENTS.flatMap((name) => {
    const moment = replica[name];
    return moment === undefined ? [] : [[name, past(moment)] as const];
  });
  return {
    ...replica,
    ...Object.fromEntries(moments),
    ...(drain && { drain: { ...drain, began: past(drain.began) } }),
  };
}

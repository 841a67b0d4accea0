import type { SubnetName, TenantName } from "../api/names.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import { readNewestFirst } from "./read.ts";
import type { Kept } from "./record.ts";

/** A decision as it was kept; one that repeated itself with the numbers that it had last. */
export interface KeptDecision extends Kept {
  readonly data: DecisionRecord;
}

export interface DecisionQuestion {
  /** Of one tenant, or one of its subnets. */
  readonly tenant?: TenantName | undefined;
  readonly subnet?: SubnetName | undefined;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly until?: number;
}

/** What was decided, the newest first; what cannot be read as a decision is passed over. */
export async function* decisionsNewestFirst(
  directory: string,
  { tenant, subnet, ...span }: DecisionQuestion = {},
): AsyncGenerator<KeptDecision> {
  const prefix = tenant === undefined ? "subnet/" : `subnet/${tenant}/`;
  const isAbout = (object: string): boolean =>
    subnet === undefined ? object.startsWith(prefix) : object === prefix + subnet;
  for await (const record of readNewestFirst(directory, { ...span, kind: "decision", isAbout }))
    if (isDecision(record.data)) yield { ...record, data: record.data };
}

/** The newest decision of all that are asked for; reads no further than that. */
export async function newestDecision(
  directory: string,
  question: DecisionQuestion,
): Promise<KeptDecision | undefined> {
  for await (const one of decisionsNewestFirst(directory, question)) return one;
  return undefined;
}

/** The newest decision on each subnet, by `tenant/subnet`. */
export async function newestDecisions(
  directory: string,
  question: DecisionQuestion,
): Promise<ReadonlyMap<string, KeptDecision>> {
  const newest = new Map<string, KeptDecision>();
  for await (const one of decisionsNewestFirst(directory, question)) {
    const key = `${one.data.tenant}/${one.data.subnet}`;
    if (!newest.has(key)) newest.set(key, one);
  }
  return newest;
}

/** Whether it is of the shape that is written; a release before or after this one may have another. */
function isDecision(value: unknown): value is DecisionRecord {
  const trace = field(value, "trace");
  return (
    ["tenant", "subnet"].every((name) => typeof field(value, name) === "string") &&
    ["at", "current", "desired"].every((name) => typeof field(trace, name) === "number") &&
    ["stages", "metrics", "placements"].every((name) => Array.isArray(field(trace, name))) &&
    Array.isArray(field(value, "replicas"))
  );
}

const field = (of: unknown, name: string): unknown =>
  typeof of === "object" && of !== null ? Reflect.get(of, name) : undefined;

import type { Change, ChangeContext } from "./resource.ts";
import { groupOf, namespaceOf } from "./marks.ts";
import type { ScriptOperation } from "./operation.ts";

/** The kinds that are one process in a tenant's gateway, with its files. */
type Sort = "collector" | "resolver";

/** What every such process shows of itself. */
export interface ProcessState {
  /** Whether it runs in a namespace that has lost its name, and lives on with it. */
  readonly isAstray: boolean;
  /** What was said when it could not be started; only of an observed state. */
  readonly failure?: string | undefined;
}

type Context = ChangeContext<ProcessState>;

const end = (sort: Sort, { place, fleet }: Context, phase: "namespace" | "withdraw"): ScriptOperation => ({
  phase,
  tool: `${sort}-stop`,
  lines: [`${namespaceOf(fleet, place.tenant)} ${groupOf(fleet)}`],
});

/** How one goes that nobody needs any more. */
export const removed = (sort: Sort, context: Context, reason: string): Change | undefined =>
  context.observed && {
    verb: "remove",
    reason,
    disruption: "none",
    operations: [end(sort, context, "withdraw")],
  };

/**
 * One that runs astray ends before its tenant's namespace is made anew: the one that it runs in holds VXLAN ids, and the
 * other ends of replicas' links.
 */
export const endAstray = (sort: Sort, context: Context): readonly ScriptOperation[] =>
  context.observed?.isAstray ? [end(sort, context, "namespace")] : [];

/** Why it is started where it is not running. */
export const notRunning = ({ failure }: ProcessState): string =>
  failure === undefined ? "it does not run" : `it does not run: ${failure}`;

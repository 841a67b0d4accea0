import { EvenkeelError } from "../api/errors.ts";
import { readOldestFirst } from "../history/read.ts";
import { readMemory } from "../ledger/file.ts";
import { describeEvents } from "./events-text.ts";
import type { Answer, Context } from "./why-question.ts";

/** What is known of a plan that waits, or waited, for approval; of others nothing is written down. */
export async function whyPlan(id: string, { stateDirectory, revision, now, at }: Context): Promise<Answer> {
  const all = await readOldestFirst(stateDirectory, { kind: "event", until: at });
  const events = all.filter(
    ({ reason, message }) => reason === "NeedsApproval" && message.endsWith(`: reconcile approve ${id}`),
  );
  const isApproved = (await readMemory(stateDirectory, revision.fleet)).approvals.includes(id);
  if (events.length === 0 && !isApproved)
    throw new EvenkeelError("EK-PLAN-UNKNOWN", `nothing is written down of plan ${id}`, {
      fix: "only what waits for approval is; reconcile plan shows what would be done now, and why",
    });
  const approved = isApproved ? `Plan ${id} is approved, and waits for the next pass.\n` : "";
  return {
    text: (events.length > 0 ? describeEvents(events, { namespace: undefined, now }) : "") + approved,
    value: { plan: id, approved: isApproved, events },
  };
}

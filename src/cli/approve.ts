import { EvenkeelError } from "../api/errors.ts";
import type { Refusal } from "../api/reasons.ts";
import { begin } from "./begin.ts";
import { foreseen } from "./plan.ts";
import { viewPlan } from "./plan-view.ts";
import { printable, wrap } from "./problems.ts";
import type { SessionOptions } from "./session.ts";
import { answer, sameDirectory } from "./streams.ts";

export interface ApproveOptions extends SessionOptions {
  /** The operator has seen to it that a home that cannot be seen is off. */
  readonly oldHomeOff?: boolean;
}

/** `reconcile approve`: lets exactly one refused plan through, by its id. Looks, and touches no hypervisor. */
export async function approve(id: string, directory: string, options: ApproveOptions): Promise<number> {
  const session = await begin(directory, options, { hold: "or-instruct" });
  try {
    const { ledger } = session.world;
    const next = session.hasDaemon
      ? "The daemon carries it out.\n"
      : `Next: reconcile --once${sameDirectory(directory)}\n`;
    if (ledger.state.approvals.includes(id)) {
      answer(`${id} is approved already.\n${next}`);
      return 0;
    }
    const { refusals } = viewPlan(await foreseen(session));
    const refusal = refusals.find((one) => one.id === id);
    if (!refusal) throw unknown(id, refusals);
    if (refusal.confirm === "old-home-off" && !options.oldHomeOff)
      throw new EvenkeelError("EK-USAGE", `${refusal.object}: ${refusal.message}`, {
        fix: `make sure that it is off, then: reconcile approve ${id} --old-home-off`,
      });
    await session.say({ say: "approve", id });
    answer(`${wrap(`Approved ${id}: ${refusal.object}: ${printable(refusal.message)}`)}\n${next}`);
    return 0;
  } finally {
    await session.close();
  }
}

function unknown(id: string, refusals: readonly Refusal[]): EvenkeelError {
  const pending = refusals.map((one) => `${one.id} (${one.object}: ${printable(one.message)})`).join("; ");
  return new EvenkeelError(
    "EK-PLAN-UNKNOWN",
    `no plan with the id ${JSON.stringify(id)} waits for approval`,
    {
      fix: pending === "" ? "nothing waits for approval now" : `what waits now: ${pending}`,
    },
  );
}

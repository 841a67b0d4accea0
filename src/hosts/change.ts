import type { FleetName } from "../api/names.ts";
import { type Block, changeScript, type FenceClaim, FENCED, OUTDATED } from "./render.ts";
import type { Shell } from "./shell.ts";

/** Everything that one stop changes on one hypervisor. */
export interface Batch {
  readonly fleet: FleetName;
  readonly claim: FenceClaim;
  /** The fence's serial that the blocks were decided from. */
  readonly serial: number;
  readonly blocks: readonly Block[];
  /** Whole seconds; holds on the hypervisor too. */
  readonly deadlineSeconds: number;
  readonly signal: AbortSignal;
  readonly nonce: () => string;
}

/** What came of one tenant's block on one hypervisor. */
export interface BlockResult {
  readonly ok: boolean;
  /** What the tool that failed said; empty when it went well. */
  readonly message: string;
}

/** What came of a batch. */
export interface BatchResult {
  /** Of the blocks that were heard of, by tenant. */
  readonly blocks: ReadonlyMap<string, BlockResult>;
  /** What holds for the others. */
  readonly rest: string;
  /** Whether it came to its end, so that the fence's serial is one more. */
  readonly ended: boolean;
}

/** Carries a batch out as one exec. */
export async function change(shell: Shell, batch: Batch): Promise<BatchResult> {
  const { fleet, claim, serial, blocks, deadlineSeconds, signal, nonce } = batch;
  const mark = nonce();
  const script = changeScript(fleet, mark, claim, serial, blocks);
  const { state, code, stdout, stderr } = await shell.run(script, { deadlineSeconds, signal });
  if (code === FENCED) return takenOver(shell.name, stderr.trim());
  if (code === OUTDATED) return outdated(shell.name, serial);
  const rest = state === "unknown" ? UNKNOWN : stderr.trim();
  return { blocks: readResults(stdout, mark), rest, ended: code === 0 };
}

/** What is known of a batch whose answer was lost. */
export const UNKNOWN = "the connection was lost; it may have been carried out";

/** A batch that a newer fence turned away. */
export const takenOver = (hypervisor: string, fence: string): BatchResult => ({
  blocks: new Map(),
  rest: `another controller has taken ${hypervisor} over (${fence})`,
  ended: false,
});

/** A batch that was decided from an old look. */
export const outdated = (hypervisor: string, serial: number): BatchResult => ({
  blocks: new Map(),
  rest: `${hypervisor} was changed since the look at change ${serial}; nothing was done`,
  ended: false,
});

/** Reads `#>NONCE TENANT CODE` and what was printed after it. */
function readResults(stdout: string, mark: string): Map<string, BlockResult> {
  const results = new Map<string, BlockResult>();
  for (const part of `\n${stdout}`.split(`\n#>${mark} `).slice(1)) {
    const [head = "", ...text] = part.split("\n");
    const [tenant = "", code] = head.split(" ");
    if (code !== undefined) results.set(tenant, { ok: code === "0", message: text.join("\n").trim() });
  }
  return results;
}

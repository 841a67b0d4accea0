import type { HypervisorName, TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { Outcome } from "../hosts/execute.ts";
import type { Failure } from "../hosts/failure.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { TenantMemory } from "../replicas/memory.ts";
import type { DrainReceipt } from "../replicas/receipt.ts";
import type { StepResult } from "../replicas/step.ts";
import type { TenantResult } from "./controller.ts";
import {
  comingNotes,
  gatewayNotes,
  heldNotes,
  leftNotes,
  startFailure,
  unseenNotes,
  waitingNotes,
} from "./notes.ts";
import { keyOf, type Resource } from "../resources/resource.ts";
import type { Sight } from "./sight.ts";

/** What happened to one tenant in one pass, as it is told to people. */
export class Report {
  readonly #tenant: TenantName;
  readonly #entries: PlanEntry[] = [];
  readonly #failures: Failure[] = [];
  readonly #failed = new Set<string>();
  readonly #undone: PlanEntry[] = [];
  readonly #coming: Note[] = [];
  readonly #receipts: DrainReceipt[] = [];
  readonly #news: Note[] = [];
  #notes: readonly Note[] = [];
  #refusals: readonly Refusal[] = [];
  #deadline: number | undefined;
  #left: readonly PlanEntry[] = [];
  #isVerified = false;

  constructor(tenant: TenantName) {
    this.#tenant = tenant;
  }

  decided({ notes, news, refusals, receipts, nextDeadline }: StepResult, guards: readonly Note[]): void {
    this.#receipts.push(...receipts);
    this.#news.push(...news);
    this.#notes = [...notes, ...guards];
    this.#refusals = refusals;
    this.#deadline = nextDeadline;
  }

  did({ done, failures, waiting }: Outcome, tried: readonly PlanEntry[]): void {
    this.#entries.push(...done);
    this.#failures.push(...failures);
    this.#coming.push(...waiting.flatMap(comingNotes));
    for (const entry of tried) {
      if (done.includes(entry)) continue;
      this.#failed.add(entry.key);
      if (!waiting.some((one) => one.entry === entry)) this.#undone.push(entry);
    }
  }

  /** What failed in this pass, or waits for an image, is not tried again in it, so that the rest can go on. */
  notFailed(entries: readonly PlanEntry[]): readonly PlanEntry[] {
    return entries.filter(({ key }) => !this.#failed.has(key));
  }

  /** What still differs after everything was done: it did not take effect, or somebody undid it. What says why has a note. */
  verified(left: readonly PlanEntry[]): void {
    this.#isVerified = true;
    this.#left = this.notFailed(left).filter(({ before }) => !before || startFailure(before) === undefined);
  }

  /** Where something was changed, or was to be. */
  get hypervisors(): readonly HypervisorName[] {
    return [...this.#entries, ...this.#failures].map(({ hypervisor }) => hypervisor);
  }

  get didNothing(): boolean {
    return this.#entries.length + this.#failures.length === 0;
  }

  held(note: Note, sight: Sight): TenantResult {
    return this.#result("stuck", [note], sight);
  }

  result(sight: Sight, memory: TenantMemory | undefined): TenantResult {
    const notes = [
      ...this.#news,
      ...this.#notes,
      ...unseenNotes(sight, memory),
      ...gatewayNotes(this.#tenant, this.#isVerified ? sight.observed : this.#asSeen(sight)),
      ...leftNotes(this.#tenant, this.#left),
      ...this.#coming,
      ...waitingNotes(memory).filter(({ object }) => !this.#coming.some((one) => one.object === object)),
      ...heldNotes(this.#tenant, memory),
    ];
    const moving = (memory?.replicas ?? []).some(({ phase }) => phase !== "serving");
    const failed = this.#failures.length + this.#left.length > 0;
    const stuck = notes.some(({ severity }) => severity === "stuck") || this.#refusals.length > 0;
    const waiting = moving || notes.some(({ severity }) => severity === "waiting");
    const state = failed ? "failed" : stuck ? "stuck" : waiting ? "waiting" : "converged";
    return this.#result(state, notes, sight, moving);
  }

  /** What a look has shown: where nothing was done but in thought, what would be changed is as it was. */
  #asSeen({ observed }: Sight): readonly Resource[] {
    const changed = new Set(this.#entries.map(({ key }) => key));
    const before = this.#entries.flatMap((entry) => entry.before ?? []);
    return [...observed.filter((resource) => !changed.has(keyOf(resource))), ...before];
  }

  #result(
    state: TenantResult["state"],
    notes: readonly Note[],
    { observed, seen, visible, connections, unclosed, sockets, answers }: Sight,
    isMoving = false,
  ): TenantResult {
    return {
      tenant: this.#tenant,
      state,
      entries: this.#entries,
      notes,
      refusals: this.#refusals,
      failures: this.#failures,
      undone: this.#undone,
      receipts: this.#receipts,
      sighting: { observed, seen, visible, connections, unclosed, sockets, answers },
      isMoving,
      again: this.#deadline,
    };
  }
}

import { EvenkeelError } from "../api/errors.ts";
import { type HypervisorName, replicaName, type TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { Failure, Outcome } from "../hosts/execute.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { TenantMemory } from "../replicas/memory.ts";
import type { StepResult } from "../replicas/step.ts";
import type { TenantResult } from "./controller.ts";
import type { Sight } from "./sight.ts";

/** A replica in one of these is on its way; this is how soon it is worth looking again, in milliseconds. */
const SOON = 300;

/** What happened to one tenant in one pass, as it is told to people. */
export class Report {
  readonly #tenant: TenantName;
  readonly #entries: PlanEntry[] = [];
  readonly #failures: Failure[] = [];
  readonly #failed = new Set<string>();
  #notes: readonly Note[] = [];
  #refusals: readonly Refusal[] = [];
  #deadline: number | undefined;
  #left: readonly PlanEntry[] = [];

  constructor(tenant: TenantName) {
    this.#tenant = tenant;
  }

  decided({ notes, refusals, nextDeadline }: StepResult, guards: readonly Note[]): void {
    this.#notes = [...notes, ...guards];
    this.#refusals = refusals;
    this.#deadline = nextDeadline;
  }

  did({ done, failures }: Outcome, tried: readonly PlanEntry[]): void {
    this.#entries.push(...done);
    this.#failures.push(...failures);
    for (const entry of tried) if (!done.includes(entry)) this.#failed.add(entry.key);
  }

  /** What failed in this pass is not tried again in it, so that the rest can go on. */
  notFailed(entries: readonly PlanEntry[]): readonly PlanEntry[] {
    return entries.filter(({ key }) => !this.#failed.has(key));
  }

  /** What still differs after everything was done: it did not take effect, or somebody undid it. */
  verified(left: readonly PlanEntry[]): void {
    this.#left = left;
  }

  /** Where something was changed, or was to be. */
  get hypervisors(): readonly HypervisorName[] {
    return [...this.#entries, ...this.#failures].map(({ hypervisor }) => hypervisor);
  }

  get didNothing(): boolean {
    return this.#entries.length + this.#failures.length === 0;
  }

  held(note: Note, standing: number): TenantResult {
    return this.#result("stuck", [note], undefined, standing);
  }

  result(sight: Sight, memory: TenantMemory | undefined, now: number): TenantResult {
    const notes = [
      ...this.#notes,
      ...unseenNotes(sight, memory),
      ...this.#leftNotes(),
      ...waitingNotes(memory),
      ...heldNotes(this.#tenant, memory),
    ];
    const moving = (memory?.replicas ?? []).some(({ phase }) => phase !== "serving");
    const failed = this.#failures.length + this.#left.length > 0;
    const stuck = notes.some(({ severity }) => severity === "stuck") || this.#refusals.length > 0;
    const waiting = moving || notes.some(({ severity }) => severity === "waiting");
    const state = failed ? "failed" : stuck ? "stuck" : waiting ? "waiting" : "converged";
    const again =
      moving || failed ? Math.min(now + SOON, this.#deadline ?? Number.POSITIVE_INFINITY) : this.#deadline;
    return this.#result(state, notes, again, sight.observed.length);
  }

  #leftNotes(): Note[] {
    return this.#left.map(({ kind, name, hypervisor, reason }) => ({
      reason: "ChangeFailed",
      object: `tenant/${this.#tenant}`,
      message: `${kind} ${name}@${hypervisor} is still not as it should be: ${reason}`,
      severity: "waiting",
    }));
  }

  #result(
    state: TenantResult["state"],
    notes: readonly Note[],
    again: number | undefined,
    objects: number,
  ): TenantResult {
    return {
      tenant: this.#tenant,
      state,
      entries: this.#entries,
      notes,
      refusals: this.#refusals,
      failures: this.#failures,
      objects,
      again,
    };
  }
}

/** What an operator took down, so that nobody wonders why it does not stand. */
function heldNotes(tenant: TenantName, memory: TenantMemory | undefined): Note[] {
  const held = [
    ...(memory?.down ? [{ object: `tenant/${tenant}`, up: `tenant/${tenant}` }] : []),
    ...(memory?.downSubnets ?? []).map((name) => ({
      object: `subnet/${tenant}/${name}`,
      up: `subnet/${name} -n ${tenant}`,
    })),
  ];
  return held.map(({ object, up }) => ({
    reason: "HeldDown",
    object,
    message: `held down until its files are gone, or: reconcile up ${up}`,
    severity: "info",
  }));
}

function unseenNotes({ facts, unseen, wanted }: Sight, memory: TenantMemory | undefined): Note[] {
  const spec = wanted?.tenant?.spec;
  const concerned = new Set([
    ...(memory?.hypervisors ?? []),
    ...(spec ? [spec.primary, ...spec.standby.map(({ name }) => name)] : []),
  ]);
  return [...concerned].flatMap((name): Note[] => {
    const object = `hypervisor/${name}`;
    const error = unseen.get(name)?.error;
    if (error) return [{ reason: reasonOf(error), object, message: error.message, severity: "stuck" }];
    const silent = facts.get(name) && !facts.get(name)?.containers;
    const message = "Docker does not answer there; its containers and their ports are left alone";
    return silent ? [{ reason: "DockerUnreachable", object, message, severity: "stuck" }] : [];
  });
}

function reasonOf(error: Error): Note["reason"] {
  if (!(error instanceof EvenkeelError)) return "HypervisorUnreachable";
  if (error.code === "EK-LOOK-INCOMPLETE") return "LookIncomplete";
  return error.code === "EK-HOST-UNFIT" ? "HypervisorUnfit" : "HypervisorUnreachable";
}

const WAITING = {
  starting: ["ReplicaNotReady", "does not answer yet"],
  serving: undefined,
  draining: ["Draining", "waits for its last connections"],
  stopping: ["Draining", "was told to end"],
  leaving: ["Progressing", "is being removed"],
} as const;

const waitingNotes = (memory: TenantMemory | undefined): Note[] =>
  (memory?.replicas ?? []).flatMap(({ tenant, subnet, ordinal, phase, hypervisor, because }): Note[] => {
    const [reason, message] = WAITING[phase] ?? [];
    if (!reason) return [];
    const object = `replica/${tenant}/${replicaName(subnet, ordinal)}`;
    return [
      {
        reason,
        object,
        message: `on ${hypervisor} ${message}${because ? ` (${because})` : ""}`,
        severity: "waiting",
      },
    ];
  });

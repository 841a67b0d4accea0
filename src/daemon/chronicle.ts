import { replicaName, type TenantName } from "../api/names.ts";
import type { Note } from "../api/reasons.ts";
import { showLoad } from "../autoscale/policy.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import type { TenantResult } from "../controllers/controller.ts";
import { failureNote, refusalNote } from "../controllers/notes.ts";
import { notesOf } from "../controllers/scaling.ts";
import type { HistoryRecord } from "../history/record.ts";
import type { Revision } from "../manifests/revision.ts";
import { collapse } from "../plan/collapse.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { DrainReceipt } from "../replicas/receipt.ts";
import { isWorkload, isWorkloadKind } from "../resources/workload.ts";

type Event = Omit<HistoryRecord, "time" | "kind">;

/**
 * Turns what happens into events for people: what changed, once for each subnet; and what is wrong, when it begins and when
 * it is over, not with each pass in which it still is.
 */
export class Chronicle {
  /** What was wrong when it was last looked at, by whose it is. */
  readonly #troubles = new Map<string, ReadonlyMap<string, Note>>();

  revision({ problems, commit, digest }: Revision): Event[] {
    const errors = problems.filter(({ severity }) => severity === "error");
    const what = commit
      ? `${commit.hash.slice(0, 7)} "${commit.subject}" by ${commit.author}`
      : digest.slice(0, 7);
    return [
      { type: "Normal", object: "fleet", reason: "RevisionRead", message: what, data: { commit, digest } },
      ...errors.map(
        ({ file, line, column, path, message, code }): Event => ({
          type: "Warning",
          object: ownerOf(file),
          reason: "ManifestInvalid",
          message: `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message} [${code}]`,
        }),
      ),
    ];
  }

  tenant(result: TenantResult): Event[] {
    const { tenant, entries, notes, refusals, failures, receipts } = result;
    const wrong = [
      ...refusals.map(refusalNote),
      ...failures.map((failure) => failureNote(tenant, failure)),
      ...notes.filter(({ severity }) => severity === "stuck"),
    ];
    const moved = notes.filter(({ reason }) => reason === "HomeMoved");
    return [
      ...receipts.map(drained),
      ...changesOf(tenant, collapse(entries)),
      ...moved.map(({ object, reason, message }): Event => ({ type: "Normal", object, reason, message })),
      ...this.#turns(tenant, wrong),
    ];
  }

  decision(record: DecisionRecord): Event[] {
    return [
      ...scaled(record),
      ...this.#turns(`scaling of ${record.tenant}/${record.subnet}`, notesOf(record)),
    ];
  }

  /** What began to be wrong with somebody, and what no longer is. */
  #turns(owner: string, wrong: readonly Note[]): Event[] {
    const before = this.#troubles.get(owner) ?? new Map<string, Note>();
    const now = new Map(wrong.map((note) => [`${note.reason} ${note.object}`, note]));
    this.#troubles.set(owner, now);
    const event = (type: Event["type"], { object, reason }: Note, message: string): Event => ({
      type,
      object,
      reason,
      message,
    });
    return [
      ...[...now].filter(([key]) => !before.has(key)).map(([, note]) => event("Warning", note, note.message)),
      ...[...before]
        .filter(([key]) => !now.has(key))
        .map(([, note]) => event("Normal", note, "no longer so")),
    ];
  }
}

const drained = (receipt: DrainReceipt): Event => {
  const { tenant, replica, hypervisor, reason, connectionsSeen, connectionsCut } = receipt;
  return {
    type: connectionsCut > 0 ? "Warning" : "Normal",
    object: `replica/${tenant}/${replica}`,
    reason: "Drained",
    message: `on ${hypervisor}, ${reason}: ${connectionsSeen} connections seen, ${connectionsCut} cut`,
    data: receipt,
  };
};

const ownerOf = (file: string): string => {
  const [, tenant] = /^tenants\/([^/]+)\//.exec(file) ?? [];
  return tenant === undefined ? "fleet" : `tenant/${tenant}`;
};

function scaled({ tenant, subnet, trace }: DecisionRecord): Event[] {
  const { current, desired, verdict, metrics } = trace;
  if (current === desired) return [];
  const load = metrics.map(({ metric, ratio = 0 }) => `${metric} ${showLoad(metric, ratio)}`).join(", ");
  const reason = desired > current ? "ScaledOut" : "ScaledIn";
  const why = verdict === "out" || verdict === "in" ? load : "bounds";
  const message = `${current} to ${desired} replicas: ${why}`;
  return [{ type: "Normal", object: `subnet/${tenant}/${subnet}`, reason, message }];
}

/** Replicas that came and went, each; all else counted, by what it is of. */
function changesOf(tenant: TenantName, entries: readonly PlanEntry[]): Event[] {
  const events: Event[] = [];
  for (const { kind, verb, hypervisor, reason, before, after } of entries) {
    if (!isWorkloadKind(kind) || (verb !== "add" && verb !== "remove")) continue;
    const workload = after ?? before;
    if (!workload || !isWorkload(workload)) continue;
    const { mark } = workload.state;
    events.push({
      type: "Normal",
      object: `replica/${tenant}/${replicaName(mark.subnet, mark.ordinal)}`,
      reason: verb === "add" ? "ReplicaStarted" : "ReplicaRemoved",
      message: `on ${hypervisor}: ${reason}`,
    });
  }
  const others = entries.filter(({ kind }) => !isWorkloadKind(kind));
  if (others.length > 0)
    events.push({
      type: "Normal",
      object: `tenant/${tenant}`,
      reason: "Changed",
      message: [...new Set(others.map(({ verb, kind }) => `${verb} ${kind}`))].toSorted().join(", "),
      data: others.map(({ verb, kind, name, hypervisor, reason }) => ({
        verb,
        kind,
        name,
        hypervisor,
        reason,
      })),
    });
  return events;
}

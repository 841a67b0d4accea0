import type { Condition } from "../api/kinds.gen.ts";
import type { Note, Reason } from "../api/reasons.ts";

/** What is known of one object. */
export interface Standing {
  /** What there is to say about it, and about what it depends on. */
  readonly notes: readonly Note[];
  /** Changes that a pass would make for it now. */
  readonly pending: number;
  /** When it last changed, as far as is known. */
  readonly since: string;
}

/** Not having been able to look is not knowing, which is neither ready nor not. */
const UNKNOWN: ReadonlySet<Reason> = new Set<Reason>([
  "HypervisorUnreachable",
  "LookIncomplete",
  "DockerUnreachable",
  "LibvirtUnreachable",
  "LedgerIncomplete",
]);

/** The note that says most about why an object is not as asked: what needs somebody before what needs time. */
function foremost({ notes, pending }: Standing): Note | undefined {
  const bySeverity = (severity: Note["severity"]): Note | undefined =>
    notes.find((note) => note.severity === severity && !UNKNOWN.has(note.reason)) ??
    notes.find((note) => note.severity === severity);
  const drift: Note = {
    reason: "Progressing",
    object: "",
    message: `${pending} ${pending === 1 ? "change is" : "changes are"} needed: reconcile plan`,
    severity: "waiting",
  };
  return (
    bySeverity("stuck") ??
    bySeverity("waiting") ??
    (pending > 0 ? drift : notes.find(({ reason }) => reason === "HeldDown"))
  );
}

/**
 * The conditions of an object, as kstatus has them: `Ready` sums up, `Reconciling` while work or time will change it,
 * `Stalled` while somebody has to do something.
 */
export function conditionsOf(standing: Standing): Condition[] {
  const note = foremost(standing);
  const { reason, message } = note ?? { reason: "AsDesired", message: "what stands is what was asked for" };
  const condition = (type: string, status: Condition["status"]): Condition => ({
    type,
    status,
    reason,
    message,
    lastTransitionTime: standing.since,
  });
  const ready = note === undefined ? "True" : UNKNOWN.has(note.reason) ? "Unknown" : "False";
  return [
    condition("Ready", ready),
    condition("Reconciling", note?.severity === "waiting" ? "True" : "False"),
    condition("Stalled", note?.severity === "stuck" ? "True" : "False"),
  ];
}

/** `Degraded`: fewer replicas serve than are asked for, or it is not known, or not believed, how many do. */
export const degraded = (ready: number, desired: number, [first]: readonly Condition[]): Condition => ({
  type: "Degraded",
  status: ready < desired || first?.reason === "ProberSuspected" ? "True" : "False",
  reason: first?.reason ?? "AsDesired",
  message: `${ready} of ${desired} replicas are known to serve`,
  lastTransitionTime: first?.lastTransitionTime ?? "",
});

/** `ScalingLimited`: load asks for more replicas than can be placed. Only where a decision said so: else nobody knows. */
export const limited = (notes: readonly Note[], since: string): Condition[] =>
  notes
    .filter(({ reason, severity }) => reason === "NowhereToPlace" && severity === "info")
    .map(({ reason, message }) => ({
      type: "ScalingLimited",
      status: "True",
      reason,
      message,
      lastTransitionTime: since,
    }));

/** One word for a table, and why. */
export function summaryOf(conditions: readonly Condition[]): {
  readonly status: string;
  readonly reason: string;
} {
  const is = (type: string): boolean => conditions.some((one) => one.type === type && one.status === "True");
  const ready = conditions.find(({ type }) => type === "Ready");
  const reason = ready?.reason ?? "Unknown";
  if (is("Degraded")) return { status: "Degraded", reason };
  if (ready?.status === "Unknown") return { status: "Unknown", reason };
  if (is("Stalled")) return { status: "Stalled", reason };
  if (is("Reconciling")) return { status: "Reconciling", reason };
  return { status: is("Ready") ? "Ready" : "NotReady", reason };
}

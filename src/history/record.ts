/** Something that happened to an object, or was decided about it. */
export interface HistoryRecord {
  /** When it happened last, milliseconds since the epoch. */
  readonly time: number;
  /** `event` for people to read · `decision` an evaluation with what it went by, in `data` */
  readonly kind: "event" | "decision";
  /** As Kubernetes' events have it. */
  readonly type: "Normal" | "Warning";
  /** `subnet/t2/web`, `replica/t2/web-3`, `hypervisor/hv2`. */
  readonly object: string;
  /** One word, the same each time. */
  readonly reason: string;
  /** A sentence for people. Numbers that differ each time belong in `data`, so that what repeats itself can be counted. */
  readonly message: string;
  /** What programs want to know about it. */
  readonly data?: unknown;
}

/** A record as it is kept: what repeated itself without anything else in between is counted. */
export interface Kept extends HistoryRecord {
  /** The first of these has it as its own; the others say by it what they are repetitions of. */
  readonly series: string;
  /** How often it has happened, 1 or more. */
  readonly count: number;
  /** When it happened first, milliseconds since the epoch. */
  readonly first: number;
}

/** Whether one is a repetition of the other. What comes with it may differ; the latest is kept. */
export const isSame = (one: HistoryRecord, other: HistoryRecord): boolean =>
  one.kind === other.kind &&
  one.type === other.type &&
  one.object === other.object &&
  one.reason === other.reason &&
  one.message === other.message;

/** Reads one line; undefined where it is torn or not ours. */
export function parseLine(line: string): Kept | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isKept(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== "object" || value === null) return false;
  const has = (name: keyof Kept, type: "number" | "string"): boolean =>
    typeof Reflect.get(value, name) === type;
  const texts = ["series", "kind", "type", "object", "reason", "message"] as const;
  return texts.every((name) => has(name, "string")) && has("time", "number") && has("count", "number");
}

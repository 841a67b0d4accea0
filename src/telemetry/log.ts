/** What a line of the log is about, besides its message: `{tenant, hypervisor}`, and numbers with their unit as name. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * A structured log, for those who ask how something came about. What people have to act on is in the results and on the
 * terminal.
 */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  /** The same log, with fields that all of its lines carry. */
  child(fields: Fields): Log;
}

/** From the least to say to the most. */
export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

const nothing = (): void => {};

/** A log that says nothing. */
export const SILENT: Log = { debug: nothing, info: nothing, child: () => SILENT };

/**
 * Opens the log: one JSON object a line on standard error. Written at once and in this thread (no `transport`), so that a
 * process that ends, or is ended, loses no line.
 */
export async function openLog(level: LogLevel): Promise<Log> {
  if (level === "silent") return SILENT;
  const { destination, pino, stdTimeFunctions } = await import("pino");
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  const log: Log = pino(options, destination({ fd: 2, sync: true }));
  return log;
}

import type { Counter, Gauge, Histogram } from "prom-client";
import type { Snapshot } from "../snapshot.ts";

/** Metrics about objects: set from a snapshot, so that their series go with the objects. */
export interface Family {
  observe(snapshot: Snapshot): void | Promise<void>;
}

/** A value of a gauge; without a value there is no series, since a zero would be a lie. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | undefined;
}

/** Sets all series of a gauge; those that are not among them go. */
export function setAll(gauge: Gauge, samples: readonly Sample[]): void {
  gauge.reset();
  for (const { labels, value } of samples) if (value !== undefined) gauge.set({ ...labels }, value);
}

/** Takes away the series of a counter or histogram whose object is no more. */
export async function keepOnly(
  metric: Counter | Histogram,
  label: string,
  present: ReadonlySet<string>,
): Promise<void> {
  const { values } = await metric.get();
  for (const { labels } of values) {
    const { le: _bucket, ...own } = labels;
    if (!present.has(String(own[label]))) metric.remove(own);
  }
}

/**
 * A label's value: a word of the program's, of which there are few. Sentences would make a series each, and carry what
 * people wrote; they become `other`.
 */
export const word = (text: string): string => (/^[A-Za-z][A-Za-z0-9-]{0,39}$/.test(text) ? text : "other");

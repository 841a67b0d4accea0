import type { Clock } from "../clock/clock.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import type { AutoscalePass, AutoscaleRequest, AutoscaleResult, Controller } from "./controller.ts";

/**
 * Exactly one decision on each subnet, with a full window behind it: for `--once --autoscale`. Takes as long as the longest
 * window and one sample; what is decided before is that there are not enough samples yet.
 * @throws AbortError when the pass's signal ends the wait
 */
export async function evaluateOnce(
  { reconcile }: Controller<AutoscaleRequest, AutoscaleResult, AutoscalePass>,
  pass: AutoscalePass,
  clock: Pick<Clock, "now" | "sleep">,
): Promise<AutoscaleResult> {
  const taken = new Map<string, number>();
  const records: DecisionRecord[] = [];
  let result = await reconcile({ only: undefined }, pass);
  const changed = new Set(result.changed);
  const waiting = new Set(result.records.map(keyOf));
  for (;;) {
    for (const record of result.records) {
      const key = keyOf(record);
      const readings = (taken.get(key) ?? 0) + 1;
      taken.set(key, readings);
      const { metrics } = record.trace;
      // A load lies between two readings: a full window takes one more of them. What is still missing then will not come.
      const isLate = readings > Math.max(...metrics.map(({ of }) => of)) + 1;
      if (!isLate && metrics.some(({ known, of }) => known < of)) continue;
      records.push(record);
      waiting.delete(key);
    }
    if (waiting.size === 0 || result.again === undefined) return { ...result, records, changed };
    await clock.sleep(Math.max(result.again - clock.now(), 0), pass.signal);
    result = await reconcile({ only: waiting }, pass);
    for (const tenant of result.changed) changed.add(tenant);
  }
}

const keyOf = ({ tenant, subnet }: DecisionRecord): string => `${tenant}/${subnet}`;

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DecisionRecord } from "../../src/autoscale/record.ts";
import { parseLine } from "../../src/history/record.ts";
import { eventually, type Fleet, type Lab } from "./lab.ts";

/** A number that the daemon shows, summed over the series with this name and these labels. */
export async function metric(lab: Lab, name: string, labels = ""): Promise<number> {
  const text = await lab.sh("ctl", "curl -sf -m 5 http://127.0.0.1:9478/metrics || :");
  const series = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return series.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** Waits for so many decisions more. */
export async function rounds(lab: Lab, count: number): Promise<void> {
  const before = await metric(lab, "evenkeel_decisions_total");
  await eventually(
    `${count} decisions`,
    async () => (await metric(lab, "evenkeel_decisions_total")) >= before + count,
    60,
  );
}

/** Decisions that are written down, oldest first. What repeats itself is written seldom, and its last with a count. */
export function decisions({ state }: Fleet): DecisionRecord[] {
  const file = join(state, "history.jsonl");
  if (!existsSync(file)) return [];
  const records = readFileSync(file, "utf8").split("\n").map(parseLine);
  return records.flatMap((kept) => (kept?.kind === "decision" ? [kept.data as DecisionRecord] : []));
}

/** Waits until what was decided last says this at a stage of it. */
export const decided = (fleet: Fleet, what: RegExp): Promise<DecisionRecord> =>
  eventually(
    `a decision says ${String(what)}`,
    () => {
      const last = decisions(fleet).at(-1);
      return last?.trace.stages.some(({ name, reason }) => what.test(`${name}: ${reason}`)) && last;
    },
    60,
  );

import { Turns } from "../clock/turns.ts";
import type { FleetMemory } from "../replicas/memory.ts";

/** Entries that are written in one go: some hundred kilobytes. */
const PIECE = 100;

/**
 * A memory as JSON, one line for each tenant and document. A large one is written piece by piece, so that nothing else has to
 * wait for all of it.
 */
export async function ledgerText(memory: FleetMemory): Promise<string> {
  const { tenants, documents, ...rest } = memory;
  const turns = new Turns(() => performance.now());
  const lines = async (record: Readonly<Record<string, unknown>>): Promise<string> => {
    const entries = Object.entries(record);
    const pieces: string[] = [];
    for (let from = 0; from < entries.length; from += PIECE) {
      await turns.take();
      const some = entries.slice(from, from + PIECE);
      pieces.push(
        some.map(([key, value]) => `\n  ${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(","),
      );
    }
    return `{${pieces.join(",")}\n }`;
  };
  const head = JSON.stringify(rest, null, 1).replace(/\n}$/, "");
  return `${head},\n "tenants": ${await lines(tenants)},\n "documents": ${await lines(documents)}\n}\n`;
}

import { createInterface } from "node:readline/promises";
import { EvenkeelError } from "../api/errors.ts";

/**
 * Asks a person to type a name, so that nobody takes down what they did not mean to. Ctrl-C is a no.
 * @throws EvenkeelError EK-USAGE where nobody can be asked
 */
export async function confirm(question: string, name: string, interrupt: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new EvenkeelError("EK-USAGE", "there is nobody to ask: standard input is no terminal", {
      fix: "add --yes when it is meant",
    });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  // A terminal in raw mode sends no signal: the key comes here. The end of input is no answer either.
  lines.on("SIGINT", () => ended.abort());
  lines.on("close", () => ended.abort());
  try {
    const signal = AbortSignal.any([interrupt, ended.signal]);
    return (await lines.question(question, { signal })).trim() === name;
  } catch (error) {
    if (!ended.signal.aborted && !interrupt.aborted) throw error;
    process.stderr.write("\n");
    return false;
  } finally {
    lines.close();
  }
}

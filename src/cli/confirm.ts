import { createInterface } from "node:readline/promises";
import { EvenkeelError } from "../api/errors.ts";

/**
 * Asks a person to type a name, so that nobody takes down what they did not mean to.
 * @throws EvenkeelError EK-USAGE where nobody can be asked
 */
export async function confirm(question: string, name: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new EvenkeelError("EK-USAGE", "there is nobody to ask: standard input is no terminal", {
      fix: "add --yes when it is meant",
    });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim() === name;
  } finally {
    lines.close();
  }
}

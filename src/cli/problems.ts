import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { createColors } from "picocolors";
import { EvenkeelError } from "../api/errors.ts";
import type { Problem } from "../manifests/revision.ts";

export type Colours = ReturnType<typeof createColors>;

/** Columns of all that is printed. */
export const WIDTH = 80;

/** Colours for a terminal; none for pipes, under NO_COLOR, and on terminals that have none. */
export const coloursFor = (stream: { readonly isTTY?: boolean }): Colours =>
  createColors(stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb");

/** Names and lines of files are other people's text: nothing in them may steer a terminal. */
export const printable = (text: string): string =>
  text.replaceAll("\t", " ").replaceAll(/\p{Cc}/gu, "\u{fffd}");

/** Breaks a sentence into lines of at most so many columns; all but the first are set in. */
export function wrap(text: string, indent = "  ", width = WIDTH): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(word);
    else if (visible(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines.join("\n");
}

/** How many columns a text takes, colours apart. */
const visible = (text: string): number => stripVTControlCharacters(text).length;

/** Puts a word at the right margin of a line where there is room, and on a line of its own where there is none. */
export const margin = (line: string, word: string): readonly string[] => {
  const space = WIDTH - visible(line) - word.length;
  return space >= 2 ? [line + " ".repeat(space) + word] : [line, word.padStart(WIDTH)];
};

/** The part of a long line around what is marked in it. */
function window(
  text: string,
  column: number,
  length: number,
  room: number,
): { shown: string; start: number; width: number } {
  const from = text.length <= room ? 0 : Math.max(0, Math.min(column - 1 - 8, text.length - room));
  const start = column - 1 - from;
  return { shown: text.slice(from, from + room), start, width: Math.max(1, Math.min(length, room - start)) };
}

/** The line that a problem is about, and the mark under what is wrong in it. */
function quote(
  { line, column, excerpt }: Problem,
  paint: (text: string) => string,
): readonly [string, string] | [] {
  if (excerpt === undefined || excerpt.text === "") return [];
  const frame = "      | ";
  const room = WIDTH - frame.length;
  const { shown, start, width } = window(printable(excerpt.text), column, excerpt.length, room);
  const mark = frame + " ".repeat(start) + paint("^".repeat(width));
  return [`${String(line).padStart(5)} | ${shown}`.trimEnd(), mark];
}

/** A problem as it reads on a terminal: where and what, the line that it is about, what to do, its code. */
function describe(problem: Problem, directory: string, colours: Colours): string {
  const { severity, line, column, path, message, suggestion = "", code } = problem;
  const where = `${printable(join(directory, problem.file))}:${line}:${column}:`;
  const what = [severity === "warning" ? "warning:" : "", path === "" ? "" : `${path}:`, message];
  const headline = wrap([where, ...what.filter((part) => part !== "")].join(" "));
  const [source, mark = ""] = quote(problem, severity === "warning" ? colours.yellow : colours.red);
  const [before, last] = remark(mark, suggestion);
  return [headline.replace(where, colours.bold(where)), source, ...before, ...margin(last, code)]
    .filter((text) => text !== undefined && text.trim() !== "")
    .join("\n");
}

/** What to do, beside the mark or, where it is too long for that, under it: the lines before the last, and the last. */
function remark(mark: string, suggestion: string): readonly [readonly string[], string] {
  const beside = `${mark === "" ? "     " : mark} ${suggestion}`.trimEnd();
  if (visible(beside) <= WIDTH) return [[], beside];
  const below = wrap(`      ${suggestion}`, "      ").split("\n");
  return [[mark, ...below.slice(0, -1)], below.at(-1) ?? ""];
}

const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`;

/** `2 errors, 1 warning in 2 files`. */
export function countProblems(problems: readonly Problem[]): string {
  const of = (severity: Problem["severity"], one: string): readonly string[] => {
    const found = problems.filter((problem) => problem.severity === severity).length;
    return found === 0 ? [] : [count(found, one)];
  };
  const files = new Set(problems.map(({ file }) => file)).size;
  return `${[...of("error", "error"), ...of("warning", "warning")].join(", ")} in ${count(files, "file")}`;
}

/** `2 hypervisors, 1 tenant, 3 subnets`. */
export const countObjects = (numbers: Readonly<Record<string, number>>): string =>
  Object.entries(numbers)
    .map(([one, number]) => count(number, one))
    .join(", ");

/** All problems as text, one after the other, with a line break at the end. Empty when there is none. */
export const describeProblems = (problems: readonly Problem[], directory: string, colours: Colours): string =>
  problems.map((problem) => `${describe(problem, directory, colours)}\n`).join("");

/** An error as it reads on a terminal: what is wrong with its code, and what to do. Bugs come with their stack. */
export function describeError(error: unknown, colours: Colours): string {
  if (!(error instanceof EvenkeelError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${colours.red("error:")} ${text}\n`;
  }
  const fix = error.fix === undefined ? "" : `${wrap(`fix: ${error.fix}`)}\n`;
  return `${wrap(`error: ${error.message} [${error.code}]`).replace("error:", colours.red("error:"))}\n${fix}`;
}

// The list of guards in test/guards.yaml, held against the marks in src/: a line `// guard: NAME` above each place where one
// stands.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

const TABLE = "test/guards.yaml";

/** Also inside scripts for hypervisors, where a comment begins otherwise. */
const MARK = /^\s*(?:\/\/|#) guard: (.+)$/;

/** Every guard with its mutants, and what does not agree. */
export async function readGuards() {
  const marks = await readMarks();
  const texts = new Map();
  const faults = [];
  const guards = [];
  for (const { guard: name, keeps, stands } of parse(await readFile(TABLE, "utf8"))) {
    const mutants = [];
    for (const { in: file, take, leave = "", tests = "" } of stands) {
      if (!texts.has(file)) texts.set(file, await readFile(file, "utf8").catch(() => ""));
      const text = texts.get(file);
      const parts = text.split(take);
      if (parts.length !== 2) {
        faults.push(`${TABLE}: ${file} holds ${parts.length - 1} times: ${take}`);
        continue;
      }
      const line = parts[0].split("\n").length;
      const mark = marks.find((one) => one.file === file && one.line === line - 1 && one.name === name);
      if (mark) mark.isListed = true;
      else faults.push(`${file}:${line}: the line before it must be a mark "guard: ${name}"`);
      mutants.push({
        guard: name,
        file,
        line,
        text,
        mutated: parts.join(leave),
        tests: tests.split(" ").filter(Boolean),
      });
    }
    guards.push({ name, keeps, mutants });
  }
  for (const { file, line, name, isListed } of marks)
    if (!isListed) faults.push(`${file}:${line}: ${TABLE} has no mutant for this mark of "${name}"`);
  return { guards, faults };
}

async function readMarks() {
  const files = (await readdir("src", { recursive: true })).filter((file) => /(?<!\.gen)\.ts$/.test(file));
  const marks = [];
  for (const file of files.map((name) => join("src", name)).toSorted()) {
    const lines = (await readFile(file, "utf8")).split("\n");
    for (const [index, text] of lines.entries()) {
      const name = MARK.exec(text)?.[1];
      if (name !== undefined) marks.push({ file, line: index + 1, name, isListed: false });
    }
  }
  return marks;
}

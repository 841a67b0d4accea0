// Takes each safety guard away, one at a time, in a copy of the tree, and names the test that notices. test/guards.yaml lists
// the guards. With GUARD=NAME only that one; with --check nothing is run: do the marks in src/, the list and docs/guards.md
// say the same? Exit 1 when a guard can go and every test passes, or when something here is stale.
import { readFile, writeFile } from "node:fs/promises";
import { GUARDS_PAGE, pageFaults, pageOf } from "./mutants/page.mjs";
import { Scratch } from "./mutants/scratch.mjs";
import { readGuards } from "./mutants/table.mjs";
import { EVERYTHING, firstFailure, loads } from "./mutants/trial.mjs";

const { GUARD } = process.env;
const isChecking = process.argv.includes("--check");

const { guards, faults } = await readGuards();
const page = await readFile(GUARDS_PAGE, "utf8").catch(() => "");
const chosen = guards.filter(({ name }) => !GUARD || name === GUARD);
if (chosen.length === 0) faults.push(`no guard is called ${GUARD}`);
if (isChecking) faults.push(...pageFaults(guards, page));

if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
} else if (!isChecking) {
  const verdicts = await tryAll(chosen.flatMap(({ mutants }) => mutants));
  const survived = verdicts.filter(({ killer }) => !killer).length;
  if (survived > 0) process.exitCode = 1;
  else await writeFile(GUARDS_PAGE, pageOf(guards, verdicts, page));
  const killed = verdicts.length - survived;
  console.log(`${chosen.length} guards, ${verdicts.length} mutants, ${killed} killed, ${survived} survived`);
}

async function tryAll(mutants) {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  const scratch = await Scratch.copy();
  const before = await firstFailure(scratch, [...new Set(mutants.flatMap(({ tests }) => tests))]);
  if (before) throw new Error(`with all guards in their places: ${before.test}`);
  const verdicts = [];
  for (const mutant of mutants) {
    const began = Date.now();
    const verdict = await tryOne(scratch, mutant);
    verdicts.push({ ...mutant, ...verdict });
    const { guard, file, line } = mutant;
    const outcome = verdict.killer ? `KILLED by ${verdict.killer}` : `SURVIVED${verdict.why ?? ""}`;
    console.log(`${guard} | ${file}:${line} | ${outcome} | ${Math.round((Date.now() - began) / 1000)} s`);
  }
  return verdicts;
}

/** The likely tests first, then all others: what notices, or why nothing could. */
async function tryOne(scratch, { file, text, mutated, tests }) {
  await scratch.write(file, mutated);
  try {
    const unfit = await loads(scratch, file);
    if (unfit) return { why: `: it is no program any more: ${unfit}` };
    const failure = (await firstFailure(scratch, tests)) ?? (await firstFailure(scratch, EVERYTHING));
    return failure?.isBroken ? { why: `: ${failure.test}` } : { killer: failure?.test };
  } finally {
    await scratch.write(file, text);
  }
}

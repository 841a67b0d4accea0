// docs/guards.md: the guards for people. What was tried just now is written anew, the rest stays as it was.

export const GUARDS_PAGE = "docs/guards.md";

const HEAD = `# Guards

What keeps evenkeel from doing harm, where that stands, and the test that fails
when it is taken away. Written by \`make mutants\`, which takes each of them away
in a copy of the tree; a guard is listed in \`test/guards.yaml\` and marked in
\`src/\` by a comment \`guard: NAME\`.
`;

const cell = (text) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** What begins the row of a mutant. */
const rowOf = (file) => `| [\`${file.replace("src/", "")}\`](../${file}) |`;

/** The sections of a page by guard. */
const sectionsOf = (page) =>
  new Map(
    page
      .split("\n## ")
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf("\n")), `## ${text.trim()}\n`]),
  );

const sectionOf = ({ name, keeps }, verdicts) => {
  const rows = verdicts.map(({ file, killer }) => `${rowOf(file)} ${cell(killer)} |`).join("\n");
  return `## ${name}\n\n${keeps.trim()}\n\n| where | test that notices |\n|---|---|\n${rows}\n`;
};

/** The page with the guards that were tried; every mutant of theirs was killed. */
export function pageOf(guards, verdicts, before) {
  const sections = sectionsOf(before);
  for (const guard of guards) {
    const own = verdicts.filter((verdict) => verdict.guard === guard.name);
    if (own.length > 0) sections.set(guard.name, sectionOf(guard, own));
  }
  return [HEAD, ...guards.flatMap(({ name }) => sections.get(name) ?? [])].join("\n");
}

/** What the page lacks, or has too much of. */
export function pageFaults(guards, page) {
  const sections = sectionsOf(page);
  const isStale = ({ name, keeps, mutants }) => {
    const text = sections.get(name) ?? "";
    const heads = text.split("\n").flatMap((line) => /^\| \[.*?\) \|/.exec(line)?.[0] ?? []);
    const wanted = mutants.map(({ file }) => rowOf(file));
    return !text.includes(keeps.trim()) || heads.toSorted().join() !== wanted.toSorted().join();
  };
  const unknown = [...sections.keys()].filter((name) => !guards.some((guard) => guard.name === name));
  return [...guards.filter(isStale).map(({ name }) => name), ...unknown].map(
    (name) => `${GUARDS_PAGE} is stale about "${name}": make mutants GUARD='${name}'`,
  );
}
